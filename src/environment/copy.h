// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Copies files and trees between directories, by reflink where the file system can, and makes them
 * durable. Blocks on the disk: for workers and tests. */

#include "basic/macro.h"

/* From the current position of @from_fd to its end. */
_must_use_ int copy_contents(int from_fd, int to_fd);

/* Copies the file, link or directory @from_name as @to_name. Directories that exist are merged, files
 * that exist are kept. Devices, sockets and pipes are left out. The owner may write to every copy;
 * whether a file can be executed is kept. Links are copied as they are. */
_must_use_ int
copy_tree(int from_directory_fd, const char *from_name, int to_directory_fd, const char *to_name);

/* The names in a directory, sorted, without "." and "..". */
_must_use_ int directory_list(int directory_fd, char ***ret);

/* Everything below @directory_fd is on the disk when it returns. The whole file system is flushed: for
 * the hundred small files of a generation that takes 3 ms where fsync(2) of each takes 14 (ext4). */
_must_use_ int tree_sync(int directory_fd);
