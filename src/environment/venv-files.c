// SPDX-License-Identifier: LGPL-2.1-or-later

#include <ctype.h>
#include <string.h>

#include "basic/text.h"
#include "environment/venv-files.h"

/* @text in single quotes; @escaped are the characters that need something else inside them, each
 * written as @before, itself, @after. */
static void
add_quoted(Builder *builder,
           const char *text,
           const char *escaped,
           const char *before,
           const char *after) {
        builder_add_char(builder, '\'');
        for (; *text; text++) {
                bool is_special = strchr(escaped, *text);
                if (is_special)
                        builder_add(builder, before);
                builder_add_char(builder, *text);
                if (is_special)
                        builder_add(builder, after);
        }
        builder_add_char(builder, '\'');
}

static void add_shell_quoted(Builder *builder, const char *text, VenvShell shell) {
        switch (shell) {
        case VENV_SHELL_POSIX:
                add_quoted(builder, text, "'", "'\\", "'");
                break;
        case VENV_SHELL_CSH: /* history is looked for inside quotes too */
                add_quoted(builder, text, "'!", "'\\", "'");
                break;
        default:
                add_quoted(builder, text, "'\\", "\\", "");
        }
}

int venv_config_format(const GenerationRecord *record, const char *python_path, char **ret) {
        _cleanup_builder_ Builder builder = {};
        const char *slash = strrchr(python_path, '/');

        if (!slash)
                return -EINVAL;
        builder_add(&builder, "home = ");
        builder_add_n(&builder,
                      python_path,
                      slash == python_path ? 1 : (size_t) (slash - python_path));
        builder_add(&builder, "\ninclude-system-site-packages = false\n");
        builder_add_format(&builder, "version = %s\n", record->python_version);
        builder_add_format(&builder, "executable = %s\n", python_path);
        builder_add_format(&builder, "prompt = %s\n", record->project_name);
        return builder_finish(&builder, ret);
}

/* Each template has the prefix where @ is and the prompt where % is; neither character occurs
 * otherwise. */
static const char *const activate_templates[_VENV_SHELL_MAX] = {
        [VENV_SHELL_POSIX] = "# source this file from sh, bash or zsh; it cannot be executed\n"
                             "\n"
                             "deactivate () {\n"
                             "    if [ -n \"${_OLD_VIRTUAL_PATH:-}\" ]; then\n"
                             "        PATH=\"${_OLD_VIRTUAL_PATH}\"\n"
                             "        export PATH\n"
                             "        unset _OLD_VIRTUAL_PATH\n"
                             "    fi\n"
                             "    if [ -n \"${_OLD_VIRTUAL_PYTHONHOME:-}\" ]; then\n"
                             "        PYTHONHOME=\"${_OLD_VIRTUAL_PYTHONHOME}\"\n"
                             "        export PYTHONHOME\n"
                             "        unset _OLD_VIRTUAL_PYTHONHOME\n"
                             "    fi\n"
                             "    if [ -n \"${_OLD_VIRTUAL_PS1+set}\" ]; then\n"
                             "        PS1=\"${_OLD_VIRTUAL_PS1}\"\n"
                             "        export PS1\n"
                             "        unset _OLD_VIRTUAL_PS1\n"
                             "    fi\n"
                             "    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT\n"
                             "    hash -r 2> /dev/null || true\n"
                             "    if [ ! \"${1:-}\" = nondestructive ]; then\n"
                             "        unset -f deactivate\n"
                             "    fi\n"
                             "}\n"
                             "\n"
                             "deactivate nondestructive\n"
                             "\n"
                             "VIRTUAL_ENV=@\n"
                             "VIRTUAL_ENV_PROMPT=%\n"
                             "export VIRTUAL_ENV VIRTUAL_ENV_PROMPT\n"
                             "_OLD_VIRTUAL_PATH=\"${PATH}\"\n"
                             "PATH=\"${VIRTUAL_ENV}/bin:${PATH}\"\n"
                             "export PATH\n"
                             "if [ -n \"${PYTHONHOME:-}\" ]; then\n"
                             "    _OLD_VIRTUAL_PYTHONHOME=\"${PYTHONHOME}\"\n"
                             "    unset PYTHONHOME\n"
                             "fi\n"
                             "if [ -z \"${VIRTUAL_ENV_DISABLE_PROMPT:-}\" ]; then\n"
                             "    _OLD_VIRTUAL_PS1=\"${PS1:-}\"\n"
                             "    PS1=\"(${VIRTUAL_ENV_PROMPT}) ${PS1:-}\"\n"
                             "    export PS1\n"
                             "fi\n"
                             "hash -r 2> /dev/null || true\n",
        [VENV_SHELL_CSH] =
                        "# source this file from csh or tcsh; it cannot be executed\n"
                        "\n"
                        "alias deactivate 'test $?_OLD_VIRTUAL_PATH != 0 && setenv PATH "
                        "\"$_OLD_VIRTUAL_PATH\" && unset _OLD_VIRTUAL_PATH; rehash; "
                        "test $?_OLD_VIRTUAL_PROMPT != 0 && set prompt=\"$_OLD_VIRTUAL_PROMPT\" && "
                        "unset _OLD_VIRTUAL_PROMPT; unsetenv VIRTUAL_ENV; "
                        "unsetenv VIRTUAL_ENV_PROMPT; test \"\\!:*\" != \"nondestructive\" && "
                        "unalias deactivate'\n"
                        "\n"
                        "deactivate nondestructive\n"
                        "\n"
                        "setenv VIRTUAL_ENV @\n"
                        "setenv VIRTUAL_ENV_PROMPT %\n"
                        "set _OLD_VIRTUAL_PATH=\"$PATH\"\n"
                        "setenv PATH \"${VIRTUAL_ENV}/bin:${PATH}\"\n"
                        "if (! \"$?VIRTUAL_ENV_DISABLE_PROMPT\") then\n"
                        "    if ($?prompt) then\n"
                        "        set _OLD_VIRTUAL_PROMPT=\"$prompt\"\n"
                        "        set prompt=\"($VIRTUAL_ENV_PROMPT) $prompt:q\"\n"
                        "    endif\n"
                        "endif\n"
                        "rehash\n",
        [VENV_SHELL_FISH] =
                        "# source this file from fish; it cannot be executed\n"
                        "\n"
                        "function deactivate\n"
                        "    if set -q _OLD_VIRTUAL_PATH\n"
                        "        set -gx PATH $_OLD_VIRTUAL_PATH\n"
                        "        set -e _OLD_VIRTUAL_PATH\n"
                        "    end\n"
                        "    if set -q _OLD_VIRTUAL_PYTHONHOME\n"
                        "        set -gx PYTHONHOME $_OLD_VIRTUAL_PYTHONHOME\n"
                        "        set -e _OLD_VIRTUAL_PYTHONHOME\n"
                        "    end\n"
                        "    if functions -q _old_fish_prompt\n"
                        "        functions -e fish_prompt\n"
                        "        functions -c _old_fish_prompt fish_prompt\n"
                        "        functions -e _old_fish_prompt\n"
                        "    end\n"
                        "    set -e VIRTUAL_ENV\n"
                        "    set -e VIRTUAL_ENV_PROMPT\n"
                        "    if test \"$argv[1]\" != nondestructive\n"
                        "        functions -e deactivate\n"
                        "    end\n"
                        "end\n"
                        "\n"
                        "deactivate nondestructive\n"
                        "\n"
                        "set -gx VIRTUAL_ENV @\n"
                        "set -gx VIRTUAL_ENV_PROMPT %\n"
                        "set -g _OLD_VIRTUAL_PATH $PATH\n"
                        "set -gx PATH $VIRTUAL_ENV/bin $PATH\n"
                        "if set -q PYTHONHOME\n"
                        "    set -g _OLD_VIRTUAL_PYTHONHOME $PYTHONHOME\n"
                        "    set -e PYTHONHOME\n"
                        "end\n"
                        "if test -z \"$VIRTUAL_ENV_DISABLE_PROMPT\"; and functions -q fish_prompt\n"
                        "    functions -c fish_prompt _old_fish_prompt\n"
                        "    function fish_prompt\n"
                        "        set -l old_status $status\n"
                        "        echo -n -s \"($VIRTUAL_ENV_PROMPT) \"\n"
                        "        echo \"exit $old_status\" | .\n"
                        "        _old_fish_prompt\n"
                        "    end\n"
                        "end\n",
};

/* Shells expand prompts when they show them, so quoting alone does not make a name harmless: a directory
 * can be called "x$(command)". */
static char *prompt_of(const char *project_name) {
        char *prompt = strdup(project_name ?: "");

        for (char *c = prompt; c && *c; c++)
                if (!isalnum((unsigned char) *c) && !strchr(" +,-.@_", *c) && !(*c & 0x80))
                        *c = '_';
        return prompt;
}

int venv_activate_format(const GenerationRecord *record, VenvShell shell, char **ret) {
        _cleanup_(freep) char *prompt = prompt_of(record->project_name);
        _cleanup_builder_ Builder builder = {};

        assert(shell < _VENV_SHELL_MAX);

        if (!prompt)
                return -ENOMEM;
        for (const char *c = activate_templates[shell]; *c; c++)
                if (*c == '@')
                        add_shell_quoted(&builder, record->prefix, shell);
                else if (*c == '%')
                        add_shell_quoted(&builder, prompt, shell);
                else
                        builder_add_char(&builder, *c);
        return builder_finish(&builder, ret);
}

int venv_shebang_format(const char *prefix, char **ret) {
        _cleanup_builder_ Builder builder = {};
        static const char interpreter[] = "/bin/python";

        if (strlen("#!") + strlen(prefix) + strlen(interpreter) <= SHEBANG_MAX &&
            !strpbrk(prefix, " \t")) {
                builder_add_format(&builder, "#!%s%s\n", prefix, interpreter);
                return builder_finish(&builder, ret);
        }

        /* For sh: exec with quoted words; for Python: one string of three quotes, never used. */
        builder_add(&builder, "#!/bin/sh\n'''exec' \"");
        for (const char *c = prefix; *c; c++) {
                if (strchr("\"$`\\", *c))
                        builder_add_char(&builder, '\\');
                builder_add_char(&builder, *c);
        }
        builder_add_format(&builder, "%s\" \"$0\" \"$@\"\n' '''\n", interpreter);
        return builder_finish(&builder, ret);
}

/* Dotted identifiers only: the text becomes source code. */
static bool is_dotted_name(const char *text) {
        bool wants_start = true;

        for (const char *c = text; *c; c++) {
                bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                                *c == '_' || (unsigned char) *c >= 0x80;
                bool is_digit = *c >= '0' && *c <= '9';
                if (*c == '.' && !wants_start) {
                        wants_start = true;
                        continue;
                }
                if (!is_letter && (wants_start || !is_digit))
                        return false;
                wants_start = false;
        }
        return !wants_start;
}

int venv_script_format(const char *prefix, const GenerationScript *script, char **ret) {
        _cleanup_builder_ Builder builder = {};
        _cleanup_(freep) char *shebang = NULL;
        int r;

        if (!is_dotted_name(script->module) || !is_dotted_name(script->function))
                return -EINVAL;
        r = venv_shebang_format(prefix, &shebang);
        if (r < 0)
                return r;

        builder_add(&builder, shebang);
        builder_add_format(
                        &builder,
                        "import sys\nfrom %s import %.*s\n\nif __name__ == \"__main__\":\n"
                        "    sys.exit(%s())\n",
                        script->module,
                        (int) strcspn(script->function, "."),
                        script->function,
                        script->function);
        return builder_finish(&builder, ret);
}
