/* Mean logistic loss in one sweep over the rows, eight at a time. */
#include <math.h>
#include <string.h>

#define ROWS 8

double loss(long n, long d, const double *restrict w, double b,
            const double *restrict x, const double *restrict y,
            double *restrict gw, double *restrict gb)
{
    double value = 0.0, sum = 0.0;
    memset(gw, 0, d * sizeof *gw);
    for (long i = 0; i < n; i += ROWS) {
        long rows = n - i < ROWS ? n - i : ROWS;
        double r[ROWS];
        for (long k = 0; k < rows; k++) {
            const double *row = x + (i + k) * d;
            double z = b;
            for (long j = 0; j < d; j++)
                z += row[j] * w[j];
            r[k] = z * y[i + k];
        }
        for (long k = 0; k < rows; k++) {
            double e = exp(-fabs(r[k]));
            value += log1p(e) - fmin(r[k], 0.0);
            double p = (r[k] > 0.0 ? e : 1.0) / (1.0 + e);
            r[k] = -y[i + k] * p / n;
            sum += r[k];
        }
        for (long k = 0; k < rows; k++) {
            const double *row = x + (i + k) * d;
            for (long j = 0; j < d; j++)
                gw[j] += r[k] * row[j];
        }
    }
    *gb = sum;
    return value / n;
}
