/* python.exe and pythonw.exe: what CPython's own PC/python.c and PC/pythonw.c do, with python311.dll loaded at run time. */
#include <stdio.h>
#include <wchar.h>
#include <windows.h>

typedef int (*main_function)(int, wchar_t **);

int wmain(int count, wchar_t **arguments)
{
    HMODULE python = LoadLibraryW(L"python311.dll");
    if (!python) {
        fwprintf(stderr, L"python311.dll does not load: error %lu\n", GetLastError());
        return 1;
    }
    return ((main_function)(void *)GetProcAddress(python, "Py_Main"))(count, arguments);
}

#ifdef WINDOWED
int WINAPI wWinMain(HINSTANCE instance, HINSTANCE previous, wchar_t *line, int shown)
{
    int count;
    wchar_t **arguments = CommandLineToArgvW(GetCommandLineW(), &count);
    return wmain(count, arguments);
}
#endif
