/* The C99 functions of the Windows runtime's math part (api-ms-win-crt-math-l1-1-0.dll) that Wine 8's ucrtbase does not
   have. `.ci/windows` joins them with those it has. Windows' long double is a double, and so the names with an l are
   those without; its complex numbers are structures of two floats or doubles, passed as the compiler passes C99's. */
#include <complex.h>
#include <math.h>

typedef double _Complex double_complex;
typedef float _Complex float_complex;

#define OF_COMPLEX(name, of_float, of_double)           \
    of_float mv_##name##f(float_complex z) { return name##f(z); } \
    of_double mv_##name(double_complex z) { return name(z); }     \
    of_double mv_##name##l(double_complex z) { return name(z); }
#define COMPLEX(name) OF_COMPLEX(name, float_complex, double_complex)
#define REAL(name) OF_COMPLEX(name, float, double)
#define LONG(name) double mv_##name##l(double x) { return name(x); }

COMPLEX(cacos) COMPLEX(cacosh) COMPLEX(casin) COMPLEX(casinh) COMPLEX(catan) COMPLEX(catanh) COMPLEX(ccos)
COMPLEX(ccosh) COMPLEX(cexp) COMPLEX(clog) COMPLEX(conj) COMPLEX(cproj) COMPLEX(csin) COMPLEX(csinh) COMPLEX(csqrt)
COMPLEX(ctan) COMPLEX(ctanh)
REAL(cabs) REAL(carg) REAL(cimag) REAL(creal)
LONG(acosh) LONG(asinh) LONG(atanh) LONG(cbrt) LONG(exp2) LONG(expm1) LONG(log1p) LONG(rint) LONG(trunc)

float_complex mv_cpowf(float_complex a, float_complex b) { return cpowf(a, b); }
double_complex mv_cpow(double_complex a, double_complex b) { return cpow(a, b); }
double_complex mv_cpowl(double_complex a, double_complex b) { return cpow(a, b); }
float_complex mv__FCbuild(float real, float imaginary) { return real + imaginary * _Complex_I; }
double_complex mv__Cbuild(double real, double imaginary) { return real + imaginary * _Complex_I; }
double mv_nextafterl(double a, double b) { return nextafter(a, b); }
double mv_copysignl(double a, double b) { return copysign(a, b); }
