/* Call prices; the derivatives of the sum by spot and volatility. */
#include <math.h>

double prices(long n, const double *restrict spot, const double *restrict volatility,
              const double *restrict strike, const double *restrict maturity,
              double *restrict delta, double *restrict vega)
{
    const double rate = 0.02, half = 0.7071067811865476, peak = 0.3989422804014327;
    double value = 0.0;
    for (long i = 0; i < n; i++) {
        double root = sqrt(maturity[i]), s = volatility[i] * root;
        double drift = (rate + 0.5 * volatility[i] * volatility[i]) * maturity[i];
        double d1 = (log(spot[i] / strike[i]) + drift) / s, d2 = d1 - s;
        double up = 0.5 * erfc(-d1 * half), down = 0.5 * erfc(-d2 * half);
        value += spot[i] * up - strike[i] * exp(-rate * maturity[i]) * down;
        delta[i] = up;
        vega[i] = spot[i] * root * peak * exp(-0.5 * d1 * d1);
    }
    return value;
}
