// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/entry-points.h"

/* The list grows inside an answer, so that its cleanup is the one of its type. */
typedef struct Reader {
        const char *subject;
        size_t line;
        UnpackAnswer list;
        size_t n_allocated;
} Reader;

static int refuse(const Reader *reader, Fault *fault, const char *reason) {
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_WHEEL_INVALID,
                        reader->subject,
                        "entry_points.txt is wrong in line %zu: %s.",
                        reader->line,
                        reason);
}

static bool name_is_reserved(Text name) {
        static const char *const prefixes[] = { "pythonw", "python", "activate", "deactivate" };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                size_t n = strlen(prefixes[i]);
                bool is_whole = true;

                if (name.length < n || strncasecmp(name.data, prefixes[i], n) != 0)
                        continue;
                /* "python3.11" and "activate.fish" belong to us, "python-config-tool" does not. */
                if (name.length > n && name.data[n] == '.')
                        return true;
                for (size_t k = n; k < name.length; k++) {
                        char c = name.data[k];

                        if ((c < '0' || c > '9') && c != '.')
                                is_whole = false;
                }
                if (is_whole)
                        return true;
        }
        return false;
}

bool script_name_is_safe(Text name) {
        if (name.length == 0 || name.length > 255 || name.data[0] == '.' || name.data[0] == '-')
                return false;
        for (size_t i = 0; i < name.length; i++) {
                unsigned char c = (unsigned char) name.data[i];

                if (c < 0x20 || c == 0x7f || c == '/' || c == '\\')
                        return false;
        }
        return utf8_check(name.data, name.length, NULL) >= 0 && !name_is_reserved(name);
}

/* A dotted Python identifier; bytes above ASCII are left to Python to judge. */
static bool is_dotted_identifier(Text text) {
        Text rest = text, part;

        if (text.length == 0)
                return false;
        while (text_cut(&rest, '.', &part)) {
                if (part.length == 0 || (part.data[0] >= '0' && part.data[0] <= '9'))
                        return false;
                for (size_t i = 0; i < part.length; i++) {
                        unsigned char c = (unsigned char) part.data[i];
                        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

                        if (!is_letter && !(c >= '0' && c <= '9') && c != '_' && c < 0x80)
                                return false;
                }
        }
        return utf8_check(text.data, text.length, NULL) >= 0;
}

static int add_script(Reader *reader, Text name, Text value, bool is_gui, Fault *fault) {
        Text rest = value, module, function = { NULL, 0 };
        UnpackAnswer *list = &reader->list;
        ScriptEntry *script;
        int r;

        /* "module:function [extra]": extras are of the past and mean nothing here. */
        (void) text_cut(&rest, '[', &value);
        rest = value;
        (void) text_cut(&rest, ':', &module);
        module = text_strip(module);
        function = rest.data ? text_strip(rest) : function;
        if (!script_name_is_safe(name))
                return refuse(reader, fault, "the name of a program cannot be used in bin/");
        if (!is_dotted_identifier(module) || !is_dotted_identifier(function))
                return refuse(reader, fault, "a program is not given as 'module:function'");
        if (list->n_scripts >= ENTRY_POINTS_MAX)
                return refuse(reader, fault, "there are too many programs");
        r = ARRAY_RESERVE(list->scripts, reader->n_allocated, list->n_scripts + 1);
        if (r < 0)
                return r;
        script = &list->scripts[list->n_scripts++];
        *script = (ScriptEntry){
                .name = text_to_string(name),
                .module = text_to_string(module),
                .function = text_to_string(function),
                .is_gui = is_gui,
        };
        return script->name && script->module && script->function ? 0 : -ENOMEM;
}

static int compare_scripts(const void *a, const void *b) {
        const ScriptEntry *left = a, *right = b;

        return strcmp(left->name, right->name);
}

static int check_duplicates(Reader *reader, Fault *fault) {
        const UnpackAnswer *list = &reader->list;

        if (list->n_scripts > 0)
                qsort(list->scripts, list->n_scripts, sizeof(*list->scripts), compare_scripts);
        for (size_t i = 1; i < list->n_scripts; i++) {
                if (streq(list->scripts[i - 1].name, list->scripts[i].name))
                        return refuse(reader, fault, "a program is there twice");
        }
        return 0;
}

typedef enum Section {
        SECTION_OTHER,
        SECTION_CONSOLE,
        SECTION_GUI,
} Section;

static Section section_of(Text line) {
        if (text_equals_string(line, "[console_scripts]"))
                return SECTION_CONSOLE;
        if (text_equals_string(line, "[gui_scripts]"))
                return SECTION_GUI;
        return SECTION_OTHER;
}

static int read_lines(Reader *reader, Text text, Fault *fault) {
        Section section = SECTION_OTHER;
        Text rest = text, line, name;
        int r;

        while (text_cut(&rest, '\n', &line)) {
                reader->line++;
                line = text_strip(line);
                if (line.length == 0 || line.data[0] == '#' || line.data[0] == ';')
                        continue;
                if (line.data[0] == '[') {
                        section = section_of(line);
                        continue;
                }
                if (section == SECTION_OTHER)
                        continue;
                (void) text_cut(&line, '=', &name);
                if (!line.data)
                        return refuse(reader, fault, "a line is not 'name = module:function'");
                r = add_script(reader,
                               text_strip(name),
                               text_strip(line),
                               section == SECTION_GUI,
                               fault);
                if (r < 0)
                        return r;
        }
        return 0;
}

int entry_points_parse(
                Text text,
                const char *subject,
                ScriptEntry **ret,
                size_t *ret_n_scripts,
                Fault *fault) {
        Reader reader = { .subject = subject };
        int r;

        r = read_lines(&reader, text, fault);
        if (r >= 0)
                r = check_duplicates(&reader, fault);
        if (r < 0) {
                unpack_answer_done(&reader.list);
                return r;
        }
        *ret = reader.list.scripts;
        *ret_n_scripts = reader.list.n_scripts;
        return 0;
}
