// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "client/pip-config.h"

#define PIP_FILE "pip/pip.conf"

/* What has been read of the file so far: a value may go on in the next line. */
typedef struct ConfigReader {
        const char *path;
        PipConfigFunction function;
        void *userdata;
        Fault *fault;
        char *section;
        char *key;
        uint32_t key_line;
        Builder value;
} ConfigReader;

static int add_file(char ***list, const char *directory, const char *rest) {
        char *path;

        if (text_is_empty(directory))
                return 0;
        path = string_format("%s/%s", directory, rest);
        return path ? strings_consume(list, path) : -ENOMEM;
}

static int add_machine_files(char ***list) {
        const char *variable = getenv("XDG_CONFIG_DIRS");
        Text rest = text_of(text_is_empty(variable) ? "/etc/xdg" : variable), part;
        int r;

        while (text_cut(&rest, ':', &part)) {
                _cleanup_(freep) char *directory = text_to_string(part);
                if (!directory)
                        return -ENOMEM;
                r = add_file(list, directory, PIP_FILE);
                if (r < 0)
                        return r;
        }
        return strings_add(list, "/etc/pip.conf");
}

static int add_user_files(char ***list) {
        const char *home = getenv("HOME"), *configuration = getenv("XDG_CONFIG_HOME");
        int r;

        r = add_file(list, home, ".pip/pip.conf");
        if (r < 0)
                return r;
        return text_is_empty(configuration) ? add_file(list, home, ".config/" PIP_FILE)
                                            : add_file(list, configuration, PIP_FILE);
}

int pip_config_list_files(char ***ret) {
        _cleanup_(strings_freep) char **list = NULL;
        const char *file = getenv("PIP_CONFIG_FILE");
        int r;

        /* /dev/null means: no files at all. An existing file stands instead of the user's. */
        if (file && streq(file, "/dev/null")) {
                *ret = NULL;
                return 0;
        }
        r = add_machine_files(&list);
        if (r >= 0 && (text_is_empty(file) || faccessat(AT_FDCWD, file, F_OK, AT_EACCESS) < 0))
                r = add_user_files(&list);
        if (r >= 0 && !text_is_empty(file))
                r = strings_add(&list, file);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

/* Tells the setting that is complete now. */
static int reader_flush(ConfigReader *reader) {
        _cleanup_(freep) char *value = NULL, *key = TAKE_PTR(reader->key);
        int r;

        if (!key)
                return 0;
        r = builder_finish(&reader->value, &value);
        if (r < 0)
                return r;
        return reader->function(
                        reader->section ?: "",
                        key,
                        value,
                        reader->path,
                        reader->key_line,
                        reader->userdata);
}

static int reader_refuse(const ConfigReader *reader, uint32_t line, const char *what) {
        _cleanup_(freep) char *place = string_format("%s:%u", reader->path, line);

        return fault_set(
                        reader->fault,
                        -EINVAL,
                        FAULT_USAGE,
                        place,
                        "pip's configuration cannot be read: %s, line %u, %s.",
                        reader->path,
                        line,
                        what);
}

static int reader_begin_key(ConfigReader *reader, Text name, Text value, uint32_t line) {
        _cleanup_(freep) char *key = text_to_string(text_strip(name));

        reader->key = key ? string_lower(key) : NULL;
        if (!reader->key)
                return -ENOMEM;
        for (char *c = reader->key; *c; c++)
                if (*c == '_')
                        *c = '-';
        reader->key_line = line;
        builder_add_text(&reader->value, text_strip(value));
        return 0;
}

static int reader_line(ConfigReader *reader, Text raw, uint32_t line) {
        Text text = text_strip(raw);
        size_t n_name;
        int r;

        if (text.length == 0 || text.data[0] == '#' || text.data[0] == ';')
                return 0;
        /* Indented: the value above goes on. */
        if (text.data != raw.data && reader->key) {
                builder_add_char(&reader->value, ' ');
                builder_add_text(&reader->value, text);
                return 0;
        }
        r = reader_flush(reader);
        if (r < 0)
                return r;
        if (text.data[0] == '[') {
                const char *close = memchr(text.data, ']', text.length);
                if (!close)
                        return reader_refuse(reader, line, "has a section without an end");
                free(reader->section);
                reader->section = text_to_string(
                                (Text){ text.data + 1, (size_t) (close - text.data) - 1 });
                return reader->section ? 0 : -ENOMEM;
        }
        for (n_name = 0; n_name < text.length; n_name++)
                if (text.data[n_name] == '=' || text.data[n_name] == ':')
                        break;
        if (n_name == 0 || n_name == text.length || !reader->section)
                return reader_refuse(reader, line, "is neither a section nor a setting in one");
        return reader_begin_key(
                        reader,
                        (Text){ text.data, n_name },
                        (Text){ text.data + n_name + 1, text.length - n_name - 1 },
                        line);
}

int pip_config_parse(
                const char *text,
                const char *path,
                PipConfigFunction function,
                void *userdata,
                Fault *fault) {
        ConfigReader reader = {
                .path = path,
                .function = function,
                .userdata = userdata,
                .fault = fault,
        };
        Text rest = text_of(text), line;
        int r = 0;

        for (uint32_t i = 1; r >= 0 && text_cut(&rest, '\n', &line); i++)
                r = reader_line(&reader, line, i);
        if (r >= 0)
                r = reader_flush(&reader);
        builder_done(&reader.value);
        free(reader.section);
        free(reader.key);
        return r;
}

int pip_config_read(const char *path, PipConfigFunction function, void *userdata, Fault *fault) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_(freep) char *text = NULL;
        size_t size;
        int r;

        /* As pip: a file one may not read is passed over. */
        if (fd < 0)
                return 0;
        r = file_read_fd(fd, PIP_CONFIG_SIZE_MAX, &text, &size);
        if (r == -EISDIR || r == -EBADFD)
                return 0;
        if (r == -EFBIG)
                return fault_set(
                                fault,
                                r,
                                FAULT_LIMIT_EXCEEDED,
                                path,
                                "'%s' is larger than a configuration file can be.",
                                path);
        if (r < 0)
                return r;
        if (strlen(text) != size)
                return fault_set(fault, -EINVAL, FAULT_USAGE, path, "'%s' is not text.", path);
        return pip_config_parse(text, path, function, userdata, fault);
}
