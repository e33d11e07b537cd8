/* Display adapters that are present (SetupAPI), and what their drivers wrote into the registry. */
#include "platform/gpu.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/windows/registry.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <initguid.h>
#include <devguid.h>
#include <setupapi.h>
#include <string.h>

#define CLASS_KEY L"SYSTEM\\CurrentControlSet\\Control\\Class\\"
#define KEY_MAX_CHARS 160
#define VERSION_DIGITS 16

enum maker { OTHER, NVIDIA, AMD };

static enum maker maker_of(const wchar_t *key)
{
    char *provider = registry_text(key, L"ProviderName");
    enum maker maker = OTHER;
    /* the vendor's own driver, not Microsoft's for basic display: nothing computes with that */
    if (provider && strstr(provider, "NVIDIA")) maker = NVIDIA;
    if (provider && (strstr(provider, "Advanced Micro Devices") || strstr(provider, "AMD")))
        maker = AMD;
    mem_free(provider);
    return maker;
}

/* Windows' 31.0.15.3623 is NVIDIA's 536.23: its last five digits. */
static char *nvidia_version(const char *version)
{
    char digits[VERSION_DIGITS + 1];
    size_t n = 0;
    const char *dot = strrchr(version, '.');
    while (dot && dot > version && dot[-1] != '.')
        dot--;
    for (const char *p = dot ? dot : version; *p && n < VERSION_DIGITS; p++) {
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    }
    digits[n] = '\0';
    if (n < 5) return mem_strdup(version);
    const char *last = digits + n - 5;
    return str_dupf("%.3s.%s", last, last + 3);
}

static void add(struct gpus *g, const wchar_t *key, enum maker maker)
{
    int64_t bytes = registry_number(key, L"HardwareInformation.qwMemorySize", 0);
    if (bytes > 0 && (g->memory_bytes == 0 || bytes < g->memory_bytes)) g->memory_bytes = bytes;
    if (g->count++ > 0) return;
    g->model = registry_text(key, L"DriverDesc");
    char *version = registry_text(key, L"DriverVersion");
    if (version) g->driver = maker == NVIDIA ? nvidia_version(version) : mem_strdup(version);
    mem_free(version);
}

/* The CUDA driver's library says in its version resource which CUDA it serves: "NVIDIA CUDA 12.2.79
 * driver". */
static char *cuda_version(void)
{
    wchar_t path[MAX_PATH + 16];
    UINT n = GetSystemDirectoryW(path, MAX_PATH);
    if (n == 0 || n > MAX_PATH) return NULL;
    memcpy(path + n, L"\\nvcuda.dll", sizeof L"\\nvcuda.dll");
    DWORD unused, size = GetFileVersionInfoSizeW(path, &unused);
    if (size == 0) return NULL;
    void *info = mem_alloc(size);
    wchar_t *text;
    UINT len;
    char *out = NULL;
    if (GetFileVersionInfoW(path, 0, size, info) &&
        VerQueryValueW(info, L"\\StringFileInfo\\040904e4\\ProductName", (void **)&text, &len) &&
        len > 0) {
        char *product = wide_to(text);
        char *version = strstr(product, "CUDA ");
        if (version) {
            version += strlen("CUDA ");
            size_t major = strspn(version, "0123456789");
            size_t minor = version[major] == '.' ? strspn(version + major + 1, "0123456789") : 0;
            if (major > 0 && minor > 0) out = mem_strndup(version, major + 1 + minor);
        }
        mem_free(product);
    }
    mem_free(info);
    return out;
}

void gpus_gather(const char *root, struct gpus *g)
{
    (void)root;
    g->known = true;
    HDEVINFO set = SetupDiGetClassDevsW(&GUID_DEVCLASS_DISPLAY, NULL, NULL, DIGCF_PRESENT);
    if (set == INVALID_HANDLE_VALUE) return;
    SP_DEVINFO_DATA device = {.cbSize = sizeof device};
    bool nvidia = false;
    for (DWORD i = 0; SetupDiEnumDeviceInfo(set, i, &device); i++) {
        wchar_t driver[64] = {0}, key[KEY_MAX_CHARS] = CLASS_KEY;
        if (!SetupDiGetDeviceRegistryPropertyW(set, &device, SPDRP_DRIVER, NULL, (BYTE *)driver,
                                               sizeof driver - sizeof *driver, NULL)) {
            continue;
        }
        wcscat(key, driver);
        enum maker maker = maker_of(key);
        if (maker == OTHER) continue;
        if (maker == NVIDIA) nvidia = true;
        add(g, key, maker);
    }
    SetupDiDestroyDeviceInfoList(set);
    if (nvidia) g->cuda = cuda_version();
}
