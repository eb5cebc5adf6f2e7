// SPDX-License-Identifier: LGPL-2.1-or-later

/* What callers give is checked and cut down here: variables, directories, the project's place. */

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "config.h"
#include "environment/environ.h"
#include "environment/launch.h"

#define STANDARD_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int add_variable(char ***list, const char *name, const char *value, const char *rest) {
        char *variable = string_format("%s=%s%s", name, value, rest);

        return variable ? strings_consume(list, variable) : -ENOMEM;
}

int environ_scrub(
                char *const *given,
                char *const *variables,
                const char *home,
                const char *prefix,
                char ***ret) {
        _cleanup_(strings_freep) char **list = NULL;
        int r = 0;

        /* The first of two equal names wins in getenv(), so what we decide comes first. */
        if (home)
                r = add_variable(&list, "HOME", home, "");
        if (r >= 0 && prefix)
                r = add_variable(&list, "VIRTUAL_ENV", prefix, "");
        if (r >= 0)
                r =
                                add_variable(&list,
                                             "PATH",
                                             prefix ?: "",
                                             prefix ? "/bin:" STANDARD_PATH : STANDARD_PATH);
        FOREACH_TEXT(variable, variables) {
                if (r >= 0 && strchr(variable, '='))
                        r = strings_add(&list, variable);
        }
        FOREACH_TEXT(variable, given) {
                if (r >= 0 && strchr(variable, '=') && environ_may_pass(variable))
                        r = strings_add(&list, variable);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

int directory_path(int fd, char **ret) {
        char link[FD_PATH_SIZE], path[4096];
        struct stat status, found;
        ssize_t length;

        if (fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISDIR(status.st_mode))
                return -ENOTDIR;
        length = readlink(fd_path(fd, link), path, sizeof(path));
        if (length < 0)
                return -errno;
        if ((size_t) length >= sizeof(path))
                return -ENAMETOOLONG;
        path[length] = '\0';
        /* A deleted directory's link ends in " (deleted)", which could also be a name: look. */
        if (lstat(path, &found) < 0)
                return errno == ENOENT || errno == ENOTDIR ? -ENOENT : -errno;
        if (found.st_dev != status.st_dev || found.st_ino != status.st_ino)
                return -ENOENT;
        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}

int project_check(const char *project, const char *home, const char *generation, Fault *fault) {
        /* A project may lie below these (except the last three), but not contain them. */
        static const char *const taken[] = {
                "/usr", "/bin",     "/sbin", "/lib", "/lib64", "/etc",
                "/tmp", "/var/tmp", "/run",  "/dev", "/proc",  "/sys",
        };
        static const char *const foreign[] = { "/dev", "/proc", "/sys" };
        const char *contained = NULL;

        for (size_t i = 0; i < ELEMENTSOF(taken); i++)
                if (path_is_below(taken[i], project))
                        contained = taken[i];
        for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
                if (path_is_below(project, foreign[i]))
                        contained = foreign[i];
        if (contained)
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_PROJECT_INVALID,
                                project,
                                "'%s' cannot be a project: the sandbox has its own '%s'.",
                                project,
                                contained);
        if (home && path_is_below(home, project)) {
                (void) fault_set(
                                fault,
                                -EINVAL,
                                FAULT_PROJECT_INVALID,
                                project,
                                "'%s' cannot be a project: the home directory '%s' would be open to every program in it.",
                                project,
                                home);
                fault_hint(fault, "Make a directory for the project and start there.");
                return -EINVAL;
        }
        if (generation && path_is_below(generation, project))
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_PROJECT_INVALID,
                                project,
                                "'%s' cannot be a project: it contains the environments Blast keeps.",
                                project);
        return 0;
}

/* Why @prefix cannot be shown for @python, all three resolved; NULL if it can. */
static const char *prefix_objection(const char *python, const char *prefix, const char *project) {
        static const char *const taken[] = { "/tmp", "/var/tmp", "/run", "/dev", "/proc", "/etc" };

        if (path_is_in_base(prefix))
                return NULL; /* shown in any case */
        for (size_t i = 0; i < ELEMENTSOF(taken); i++)
                if (path_is_below(taken[i], prefix))
                        return "which is no place of a Python";
        if (!path_is_below(python, prefix))
                return "where it does not lie";
        if (path_is_below(python, project) && !path_is_below(prefix, project))
                return "but what lies in the project may show nothing outside of it";
        return NULL;
}

int python_check(const char *python, const char *prefix, const char *project, Fault *fault) {
        _cleanup_(freep) char *program = realpath(python, NULL);
        _cleanup_(freep) char *place = program ? realpath(prefix, NULL) : NULL;
        const char *objection;

        if (!program)
                return -errno;
        objection = place ? prefix_objection(program, place, project) : "which is not there";
        if (!objection)
                return 0;
        return fault_set(
                        fault,
                        -EPERM,
                        FAULT_PYTHON_INVALID,
                        python,
                        "'%s' cannot be used: it says that it belongs to '%s', %s.",
                        python,
                        prefix,
                        objection);
}

int program_path(const char *name, char **ret) {
        const char *directory = BLAST_DEVELOPER ? BLAST_BUILD_DIR "/src/worker" : BLAST_LIBEXEC_DIR;
        char *path = string_format("%s/%s", directory, name);

        if (!path)
                return -ENOMEM;
        *ret = path;
        return 0;
}
