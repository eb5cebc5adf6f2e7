// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "environment/environ.h"

/* Taste, language, terminal and reproducibility; nothing that names a socket, a key, a host or a file. */
static const char *const passed_variables[] = {
        "BLIS_NUM_THREADS",
        "CI",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLORFGBG",
        "COLORTERM",
        "COLUMNS",
        "DEBUG",
        "EDITOR",
        "FORCE_COLOR",
        "LANG",
        "LANGUAGE",
        "LESS",
        "LINES",
        "LOGNAME",
        "MKL_NUM_THREADS",
        "NO_COLOR",
        "NUMEXPR_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "PAGER",
        "PYTHONASYNCIODEBUG",
        "PYTHONBREAKPOINT",
        "PYTHONCOERCECLOCALE",
        "PYTHONDEVMODE",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONFAULTHANDLER",
        "PYTHONHASHSEED",
        "PYTHONIOENCODING",
        "PYTHONMALLOC",
        "PYTHONNODEBUGRANGES",
        "PYTHONOPTIMIZE",
        "PYTHONPROFILEIMPORTTIME",
        "PYTHONTRACEMALLOC",
        "PYTHONUNBUFFERED",
        "PYTHONUTF8",
        "PYTHONVERBOSE",
        "PYTHONWARNDEFAULTENCODING",
        "PYTHONWARNINGS",
        "SOURCE_DATE_EPOCH",
        "TERM",
        "TERM_PROGRAM",
        "TZ",
        "USER",
        "VISUAL",
};

bool environ_may_pass(const char *variable) {
        size_t length = strcspn(variable, "=");

        if (strncmp(variable, "LC_", 3) == 0)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(passed_variables); i++)
                if (strlen(passed_variables[i]) == length &&
                    strncmp(variable, passed_variables[i], length) == 0)
                        return true;
        return false;
}
