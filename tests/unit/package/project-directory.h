// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A project directory of a test: made with its files, gone with the variable. */

#include <fcntl.h>
#include <unistd.h>

#include "basic/file.h"
#include "test.h"

typedef struct ProjectDirectory {
        char path[64];
        int fd;
} ProjectDirectory;

static inline void project_directory_done(ProjectDirectory *directory) {
        ASSERT_OK(tree_remove_at(AT_FDCWD, directory->path));
        directory->fd = fd_close(directory->fd);
}
#define _cleanup_project_directory_ _cleanup_(project_directory_done)

static inline void project_directory_init(ProjectDirectory *directory) {
        (void) snprintf(directory->path, sizeof(directory->path), "blast-test-XXXXXX");
        ASSERT_NOT_NULL(mkdtemp(directory->path));
        directory->fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(directory->fd >= 0);
}

static inline void
project_directory_add(const ProjectDirectory *directory, const char *name, const char *text) {
        ASSERT_OK(file_replace_at(directory->fd, name, text, strlen(text), 0644));
}
