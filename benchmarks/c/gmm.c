/* ADBench's mixture: tiles of points, which are the innermost axis everywhere.
 *
 * The part of the objective that depends on the points: sum over points of
 * logsumexp_k(main_k - |L_k (x - mu_k)|^2 / 2), its derivatives by main, L and mu.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define B 64

static void load(long d, long n, long i, const double *restrict x, double *restrict xt)
{
    for (long p = 0; p < B; p++)
        for (long j = 0; j < d; j++)
            xt[j * B + p] = i + p < n ? x[(i + p) * d + j] : 0.0;
}

/* xc = x - mu; lx = L xc; returns nothing, adds |lx|^2 to sq. */
static void forward(long d, const double *restrict mu, const double *restrict l,
                    const double *restrict xt, double *restrict xc,
                    double *restrict lx, double *restrict sq)
{
    for (long j = 0; j < d; j++)
        for (long p = 0; p < B; p++)
            xc[j * B + p] = xt[j * B + p] - mu[j];
    memset(sq, 0, B * sizeof *sq);
    for (long r = 0; r < d; r++) {
        double acc[B] = {0};
        for (long c = 0; c <= r; c++)
            for (long p = 0; p < B; p++)
                acc[p] += l[r * d + c] * xc[c * B + p];
        for (long p = 0; p < B; p++) {
            lx[r * B + p] = acc[p];
            sq[p] += acc[p] * acc[p];
        }
    }
}

/* dl -= sum over points of w lx xc'; sums[r] -= sum of w lx[r]. */
static void backward(long d, const double *restrict w, const double *restrict xc,
                     double *restrict lx, double *restrict dl, double *restrict sums)
{
    for (long r = 0; r < d; r++) {
        double total = 0.0;
        for (long p = 0; p < B; p++) {
            lx[r * B + p] *= w[p];
            total += lx[r * B + p];
        }
        sums[r] -= total;
        for (long c = 0; c <= r; c++) {
            double sum = 0.0;
            for (long p = 0; p < B; p++)
                sum += lx[r * B + p] * xc[c * B + p];
            dl[r * d + c] -= sum;
        }
    }
}

double mixture(long n, long d, long k, const double *restrict x,
               const double *restrict mu, const double *restrict l,
               const double *restrict main, double *restrict dmain,
               double *restrict dmu, double *restrict dl)
{
    double *xt = aligned_alloc(64, d * B * 8);
    double *xc = aligned_alloc(64, k * d * B * 8), *lx = aligned_alloc(64, k * d * B * 8);
    double *inner = aligned_alloc(64, k * B * 8), *sums = calloc(k * d, 8), value = 0.0;
    memset(dmain, 0, k * 8);
    memset(dl, 0, k * d * d * 8);
    for (long i = 0; i < n; i += B) {
        double top[B], total[B] = {0}, sq[B];
        long points = n - i < B ? n - i : B;
        load(d, n, i, x, xt);
        for (long p = 0; p < B; p++)
            top[p] = -INFINITY;
        for (long q = 0; q < k; q++) {
            forward(d, mu + q * d, l + q * d * d, xt, xc + q * d * B, lx + q * d * B, sq);
            for (long p = 0; p < B; p++) {
                inner[q * B + p] = main[q] - 0.5 * sq[p];
                top[p] = top[p] > inner[q * B + p] ? top[p] : inner[q * B + p];
            }
        }
        for (long q = 0; q < k; q++)
            for (long p = 0; p < B; p++) {
                inner[q * B + p] = exp(inner[q * B + p] - top[p]);
                total[p] += inner[q * B + p];
            }
        for (long p = 0; p < points; p++)
            value += log(total[p]) + top[p];
        for (long q = 0; q < k; q++) {
            double *w = inner + q * B;
            for (long p = 0; p < B; p++) {
                w[p] = p < points ? w[p] / total[p] : 0.0;
                dmain[q] += w[p];
            }
            backward(d, w, xc + q * d * B, lx + q * d * B, dl + q * d * d, sums + q * d);
        }
    }
    /* A sum over points commutes with L', which all points share. */
    memset(dmu, 0, k * d * 8);
    for (long q = 0; q < k; q++)
        for (long r = 0; r < d; r++)
            for (long c = 0; c <= r; c++)
                dmu[q * d + c] -= l[(q * d + r) * d + c] * sums[q * d + r];
    free(xt), free(xc), free(lx), free(inner), free(sums);
    return value;
}
