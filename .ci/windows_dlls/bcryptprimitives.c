/* bcryptprimitives.dll, which Wine 8 lacks: Rust's standard library takes its random numbers from ProcessPrng. */
#include <windows.h>

typedef BOOLEAN(WINAPI *generator)(PVOID, ULONG);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
    static generator generate;  /* RtlGenRandom by its exported name */
    if (!generate)
        generate = (generator)(void *)GetProcAddress(LoadLibraryA("advapi32.dll"), "SystemFunction036");
    return generate(data, (ULONG)length);
}
