// SPDX-License-Identifier: LGPL-2.1-or-later

#include <sys/stat.h>

#include "basic/text.h"
#include "package/interpreter-record.h"

int interpreter_signature(const char *path, char **ret) {
        uint64_t changed;
        struct stat status;
        char *text;

        if (stat(path, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;

        changed = (uint64_t) status.st_mtim.tv_sec * NSEC_PER_SEC +
                        (uint64_t) status.st_mtim.tv_nsec;
        text =
                        string_format("%llx-%llx-%llx-%llx",
                                      (unsigned long long) status.st_dev,
                                      (unsigned long long) status.st_ino,
                                      (unsigned long long) status.st_size,
                                      (unsigned long long) changed);
        if (!text)
                return -ENOMEM;

        *ret = text;
        return 0;
}
