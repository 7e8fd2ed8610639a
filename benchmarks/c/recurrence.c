/* x <- r x (1 - x) + a sin x and the mean of all x; derivatives by x, r, a. */
#include <math.h>

double recurrence(long n, double x, double r, double a, double *restrict states,
                  double *restrict g)
{
    double sum = 0.0;
    for (long t = 0; t < n; t++) {
        states[t] = x;
        x = r * x * (1.0 - x) + a * sin(x);
        sum += x;
    }
    double bar = 0.0, bar_r = 0.0, bar_a = 0.0;
    for (long t = n - 1; t >= 0; t--) {
        double s = states[t];
        bar += 1.0 / n;
        bar_r += bar * s * (1.0 - s);
        bar_a += bar * sin(s);
        bar *= r * (1.0 - 2.0 * s) + a * cos(s);
    }
    g[0] = bar;
    g[1] = bar_r;
    g[2] = bar_a;
    return sum / n;
}
