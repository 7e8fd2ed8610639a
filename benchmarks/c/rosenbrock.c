/* Rosenbrock's chain: value, gradient; and its dense Hessian. */
#include <string.h>

double chain(long n, const double *restrict x, double *restrict g)
{
    double value = 0.0;
    memset(g, 0, n * sizeof *g);
    for (long i = 0; i < n - 1; i++) {
        double d = x[i + 1] - x[i] * x[i], e = 1.0 - x[i];
        value += 100.0 * d * d + e * e;
        g[i] = -400.0 * d * x[i] - 2.0 * e;
    }
    for (long i = 0; i < n - 1; i++)
        g[i + 1] += 200.0 * (x[i + 1] - x[i] * x[i]);
    return value;
}

void chain_hessian(long n, const double *restrict x, double *restrict h)
{
    memset(h, 0, n * n * sizeof *h);
    for (long i = 0; i < n - 1; i++) {
        h[i * n + i] += 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0;
        h[(i + 1) * n + i + 1] += 200.0;
        h[i * n + i + 1] = h[(i + 1) * n + i] = -400.0 * x[i];
    }
}
