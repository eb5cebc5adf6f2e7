// SPDX-License-Identifier: LGPL-2.1-or-later

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "package/zip.h"
#include "test.h"

static const ZipLimits limits = { .size_max_bytes = 1 << 30, .n_members_max = 1000 };

/* Opens and reads everything: what a wheel's unpacking does before anything is believed. */
static int read_whole(const void *data, size_t size, const ZipLimits *with, Fault *fault) {
        _cleanup_(zip_freep) Zip *zip = NULL;
        int r;

        r = zip_open(data, size, with, "test.zip", &zip, fault);
        if (r < 0)
                return r;
        for (size_t i = 0; i < zip_count(zip); i++) {
                _cleanup_(freep) char *text = NULL;

                r = zip_read_text(zip, zip_get(zip, i), 1 << 20, &text, fault);
                if (r < 0)
                        return r;
        }
        return 0;
}

typedef struct Exception {
        const char *name;
        bool is_accepted;
        const char *reason;
} Exception;

static const Exception *find_exception(const Exception *list, const char *name) {
        for (; list && list->name; list++) {
                if (streq(list->name, name))
                        return list;
        }
        return NULL;
}

/* Every file of a folder gives the wanted verdict, but for the exceptions, each of which must exist. */
static void check_folder(const char *folder, bool is_accepted, const Exception *exceptions) {
        _cleanup_close_ int directory_fd = -EBADF;
        const char *path = test_corpus(folder);
        size_t n_files = 0, n_exceptions = 0, n_wrong = 0;
        DIR *directory;

        if (!path) {
                test_skip("no corpora");
                return;
        }
        directory_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(directory_fd);
        directory = opendir(path);
        ASSERT_NOT_NULL(directory);
        for (const struct dirent *entry; (entry = readdir(directory));) {
                _cleanup_fault_ Fault fault = {};
                _cleanup_(freep) char *data = NULL;
                const Exception *exception;
                bool wanted = is_accepted;
                size_t size;
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                n_files++;
                exception = find_exception(exceptions, entry->d_name);
                if (exception) {
                        n_exceptions++;
                        wanted = exception->is_accepted;
                }
                ASSERT_OK(file_read_at(directory_fd, entry->d_name, 1 << 20, &data, &size));
                r = read_whole(data, size, &limits, &fault);
                if ((r >= 0) != wanted) {
                        fprintf(stderr,
                                "%s/%s was %s: %s\n",
                                folder,
                                entry->d_name,
                                r >= 0 ? "accepted" : "refused",
                                fault.message ? fault.message : "-");
                        n_wrong++;
                }
                ASSERT_TRUE(r >= 0 || fault_is_set(&fault));
        }
        (void) closedir(directory);
        ASSERT_TRUE(n_files > 0);
        ASSERT_INT(n_wrong, 0);
        for (const Exception *e = exceptions; e && e->name; e++)
                ASSERT_TRUE(n_exceptions-- > 0);
        ASSERT_INT(n_exceptions, 0);
}

TEST(malo_accepted_archives_are_accepted) {
        check_folder("malo/zip/accept", true, NULL);
}

TEST(malo_iffy_archives_are_refused_with_reasoned_exceptions) {
        static const char crc[] = "contents are known by the SHA-256 of RECORD, not by CRC-32";
        static const Exception exceptions[] = {
                { "crc_collision_empty_nonempty.zip", true, crc },
                { "crc_collision_two_nonempty.zip", true, crc },
                { "crc_zero_nonempty.zip", true, crc },
                { "nosubdir.zip", true, "wheels have no entries for directories" },
                { NULL },
        };

        check_folder("malo/zip/iffy", false, exceptions);
}

TEST(malo_malicious_archives_are_refused) {
        check_folder("malo/zip/malicious", false, NULL);
}

TEST(malo_broken_archives_are_refused) {
        check_folder("malo/zip/reject", false, NULL);
}

TEST(pypi_accepted_archives_are_accepted_with_reasoned_exceptions) {
        static const char size[] = "PyPI does not unpack; more comes out than is declared";
        static const Exception exceptions[] = {
                { "short_usize.zip", false, size },
                { "short_usize_zip64.zip", false, size },
                { NULL },
        };

        check_folder("pypi-zipdata/accept", true, exceptions);
}

TEST(pypi_refused_archives_are_refused_with_reasoned_exceptions) {
        static const char descriptor[] = "the descriptor agrees, and wheels that were made as a "
                                         "stream have them";
        static const Exception exceptions[] = {
                { "data_descriptor.zip", true, descriptor },
                { "data_descriptor_zip64.zip", true, descriptor },
                { NULL },
        };

        check_folder("pypi-zipdata/reject", false, exceptions);
}
