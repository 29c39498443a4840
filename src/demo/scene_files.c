#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/time.h"
#include "demo/files.h"
#include "demo/scene.h"

enum { FILE_BYTES_MAX = 1024 * 1024 };

bool scene_path(const struct scene *scene, const char *name, char out[SCENE_PATH_MAX], struct error *e)
{
    int written = snprintf(out, SCENE_PATH_MAX, "%s/%s", scene->folder, name);
    if (written < 0 || written >= SCENE_PATH_MAX) {
        return error_set(e, ERROR_INPUT, scene->folder, "choose a shorter --dir", "the path is too long");
    }
    return true;
}

const char *scene_file(const char *name)
{
    for (size_t i = 0; i < demo_file_count; i++) {
        if (strcmp(demo_files[i].name, name) == 0) {
            return demo_files[i].text;
        }
    }
    return "";
}

bool scene_make_folder(const struct scene *scene, const char *name, struct error *e)
{
    char path[SCENE_PATH_MAX];
    if (!scene_path(scene, name, path, e)) {
        return false;
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST || error_system(e, path, "check the folder's owner and mode");
}

static bool write_file(const char *path, const char *mode, struct bytes data, struct error *e)
{
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        return error_system(e, path, "check the folder's owner and mode");
    }
    bool ok = data.size == 0 || fwrite(data.data, 1, data.size, file) == data.size;
    if (!ok) {
        error_system(e, path, "check the disk");
    }
    if (fclose(file) != 0 && ok) {
        ok = error_system(e, path, "check the disk");
    }
    return ok;
}

/* Replaces @NAME@ by its value. */
static void fill(struct buffer *out, const char *text, const struct scene *scene, const char *own)
{
    static const struct {
        const char *name;
        int64_t days; /* from today */
    } days[] = { { "@YESTERDAY@", -1 }, { "@LAST_YEAR@", -200 }, { "@NEXT_YEAR@", 300 } };
    char moment[TIME_TEXT_SIZE];
    while (*text != '\0') {
        if (strncmp(text, "@FOLDER@", 8) == 0) {
            buffer_append_text(out, scene->folder);
            text += 8;
        } else if (strncmp(text, "@SERVICE_PORT@", 14) == 0) {
            buffer_append_decimal(out, scene->service_port);
            text += 14;
        } else if (strncmp(text, "@OWN@", 5) == 0) {
            fill(out, own, scene, "");
            text += 5;
        } else {
            size_t i = 0;
            while (i < COUNT_OF(days) && strncmp(text, days[i].name, strlen(days[i].name)) != 0) {
                i++;
            }
            if (i < COUNT_OF(days)) {
                (void)time_text(time_now_ms() + days[i].days * 24 * 3600 * 1000, moment);
                buffer_append(out, bytes_of(moment, 10)); /* the date in it */
                text += strlen(days[i].name);
            } else {
                buffer_append_u8(out, (uint8_t)*text++);
            }
        }
    }
}

bool scene_write(const struct scene *scene, const char *name, const char *to, const char *own, struct error *e)
{
    char path[SCENE_PATH_MAX];
    struct buffer text;
    buffer_init(&text, FILE_BYTES_MAX);
    fill(&text, scene_file(name), scene, own);
    bool ok = (!text.failed || error_memory(e, name)) && scene_path(scene, to, path, e) && write_file(path, "we", buffer_bytes(&text), e);
    buffer_clear(&text);
    return ok;
}

bool scene_append(const struct scene *scene, const char *to, const char *text, struct error *e)
{
    char path[SCENE_PATH_MAX];
    return scene_path(scene, to, path, e) && write_file(path, "ae", bytes_of_text(text), e);
}

bool scene_copy(const struct scene *scene, const char *from, const char *to, struct error *e)
{
    char source[SCENE_PATH_MAX], target[SCENE_PATH_MAX];
    bool ok = false;
    uint8_t *data = NULL;
    FILE *file = NULL;
    if (!scene_path(scene, from, source, e) || !scene_path(scene, to, target, e)) {
        return false;
    }
    file = fopen(source, "re");
    if (file == NULL) {
        error_system(e, source, NULL);
        goto done;
    }
    data = malloc(FILE_BYTES_MAX);
    if (data == NULL) {
        error_memory(e, source);
        goto done;
    }
    size_t size = fread(data, 1, FILE_BYTES_MAX, file);
    if (ferror(file) || !feof(file)) {
        error_set(e, ERROR_IO, source, NULL, "it can't be read whole");
        goto done;
    }
    ok = write_file(target, "we", bytes_of(data, size), e);
done:
    free(data);
    if (file != NULL) {
        (void)fclose(file); /* read only: nothing to lose */
    }
    return ok;
}

static int remove_one(const char *path, const struct stat *state, int kind, struct FTW *place)
{
    (void)state;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

void scene_remove(const char *folder)
{
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
