// SPDX-License-Identifier: LGPL-2.1-or-later

/* The main program of a fuzz target in builds without libFuzzer: runs it over the files that are named,
 * or over all files of a directory. One that is empty or cannot be read is a failure. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macro.h"

enum {
        INPUT_MAX = 16 * 1024 * 1024
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int directory_fd, const char *name) {
        _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
        _cleanup_(freep) char *data = NULL;
        _cleanup_(freep) uint8_t *exact = NULL;
        size_t size;
        int r;

        if (fd < 0)
                return -errno;
        r = file_read_fd(fd, INPUT_MAX, &data, &size);
        if (r < 0)
                return r;
        printf("%s\n", name);
        /* A copy of exactly that size, so that reading past it is found. */
        exact = malloc(size > 0 ? size : 1);
        if (!exact)
                return -ENOMEM;
        memcpy(exact, data, size);
        return LLVMFuzzerTestOneInput(exact, size);
}

static int replay_directory(DIR *directory, size_t *n_files) {
        int r;

        for (;;) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(directory);
                if (!entry)
                        return -errno;
                if (entry->d_name[0] == '.')
                        continue;
                r = replay_file(dirfd(directory), entry->d_name);
                if (r < 0)
                        return r;
                (*n_files)++;
        }
}

static int replay_path(const char *path, size_t *n_files) {
        DIR *directory = opendir(path);
        int r;

        if (!directory) {
                if (errno != ENOTDIR)
                        return -errno;
                (*n_files)++;
                return replay_file(AT_FDCWD, path);
        }
        r = replay_directory(directory, n_files);
        (void) closedir(directory); /* was only read */
        return r;
}

int main(int argc, char *argv[]) {
        size_t n_files = 0;

        for (int i = 1; i < argc; i++) {
                int r = replay_path(argv[i], &n_files);

                if (r < 0) {
                        fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
                        return EXIT_FAILURE;
                }
        }
        if (n_files == 0) {
                fprintf(stderr, "Nothing to replay.\n");
                return EXIT_FAILURE;
        }
        printf("%zu files replayed\n", n_files);
        return EXIT_SUCCESS;
}
