/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that the host shares with a VM by virtio-fs. It holds nothing but directories and
 * files that were mounted there for containers, each named by a decimal number that is never used
 * again.
 */
#ifndef KATA_LIKE_PROTO_SHARED_FOLDER_H
#define KATA_LIKE_PROTO_SHARED_FOLDER_H

#define SHARED_FOLDER_TAG "kata-like"

#endif
