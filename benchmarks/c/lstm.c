/* ADBench's LSTM, two layers with elementwise weights; derivatives by all weights.
 *
 * No element of a layer sees another, so a layer's vectors stay in registers from gate
 * to gate. Kept for the way back: the gates and states of each step. Rows have W places,
 * of which the last may be padding.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS 2
#define W 16 /* places of a row */
#define V 8  /* of a register */
#define HALVES (W / V)

typedef double vec __attribute__((vector_size(V * 8)));
typedef long long ints __attribute__((vector_size(V * 8)));

enum { FORGET, INTO, OUT, CHANGE, GATES };

typedef struct { vec gate[GATES], cell, squashed, hidden; } State;
typedef struct { State layer[LAYERS]; vec grown; } Kept;
typedef struct { vec of[LAYERS][2][GATES], extra[3]; } Weights; /* factors, offsets */

/* x < 1000 and not far below -1000: |r| <= log(2) / 2, then Taylor. */
static inline vec exponential(vec x)
{
    ints n = __builtin_convertvector(x * 0x1.71547652b82fep+0 + 1024.5, ints) - 1024;
    vec whole = __builtin_convertvector(n, vec);
    vec r = x - whole * 0x1.62e42fefa39efp-1;
    vec r2 = r * r, r4 = r2 * r2;
    vec low = (1.0 + r) + r2 * (1.0 / 2 + r * (1.0 / 6));
    vec mid = (1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720 + r * (1.0 / 5040));
    vec high = (1.0 / 40320 + r * (1.0 / 362880))
               + r2 * (1.0 / 3628800 + r * (1.0 / 39916800) + r2 * (1.0 / 479001600));
    return (low + r4 * (mid + r4 * high)) * (vec)((n + 1023) << 52);
}

static inline vec sigmoid(vec x) { return 1.0 / (1.0 + exponential(-x)); }

static inline vec tanh_(vec x) { return 2.0 * sigmoid(2.0 * x) - 1.0; }

static inline double total(vec x)
{
    double sum = 0.0;
    for (int i = 0; i < V; i++)
        sum += x[i];
    return sum;
}

/* One layer's step from the states before; returns its new hidden state. */
static inline vec forward(vec x, const State *before, State *now, vec (*w)[GATES])
{
    vec h = before->hidden;
    now->gate[FORGET] = sigmoid(x * w[0][FORGET] + w[1][FORGET]);
    now->gate[INTO] = sigmoid(h * w[0][INTO] + w[1][INTO]);
    now->gate[OUT] = sigmoid(x * w[0][OUT] + w[1][OUT]);
    now->gate[CHANGE] = tanh_(h * w[0][CHANGE] + w[1][CHANGE]);
    now->cell = before->cell * now->gate[FORGET] + now->gate[INTO] * now->gate[CHANGE];
    now->squashed = tanh_(now->cell);
    return now->hidden = now->gate[OUT] * now->squashed;
}

/* From the hidden state's cotangent; returns that of x. */
static inline vec backward(vec ct, vec x, const State *before, const State *now,
                           vec (*w)[GATES], vec (*dw)[GATES], vec *ct_hidden,
                           vec *ct_cell)
{
    vec f = now->gate[FORGET], i = now->gate[INTO], o = now->gate[OUT];
    vec g = now->gate[CHANGE], s = now->squashed, h = before->hidden, slope[GATES];
    ct += *ct_hidden;
    vec inner = *ct_cell + ct * o * (1.0 - s * s);
    slope[FORGET] = inner * before->cell * f * (1.0 - f);
    slope[INTO] = inner * g * i * (1.0 - i);
    slope[OUT] = ct * s * o * (1.0 - o);
    slope[CHANGE] = inner * i * (1.0 - g * g);
    *ct_cell = inner * f;
    for (int k = 0; k < GATES; k++) {
        dw[0][k] += slope[k] * (k == FORGET || k == OUT ? x : h);
        dw[1][k] += slope[k];
    }
    *ct_hidden = slope[INTO] * w[0][INTO] + slope[CHANGE] * w[0][CHANGE];
    return slope[FORGET] * w[0][FORGET] + slope[OUT] * w[0][OUT];
}

static vec load(const double *row, long count)
{
    vec out = {0};
    for (long i = 0; i < count && i < V; i++)
        out[i] = row[i];
    return out;
}

static void store(double *row, long count, vec x)
{
    for (long i = 0; i < count && i < V; i++)
        row[i] = x[i];
}

/* The rows of main are factors and offsets by layer, of state hidden and cell. */
double lstm(long steps, long bits, const double *main_, const double *extra,
            const double *state, const double *text, double *dmain, double *dextra)
{
    Weights w[HALVES], dw[HALVES];
    Kept(*kept)[HALVES] = aligned_alloc(64, (steps + 1) * sizeof *kept);
    vec(*rows)[HALVES] = aligned_alloc(64, (steps + 1) * sizeof *rows);
    vec mask[HALVES], ct_hidden[HALVES][LAYERS], ct_cell[HALVES][LAYERS];
    double scale = -1.0 / (steps * bits), sum = 0.0;
    memset(dw, 0, sizeof dw);
    memset(ct_hidden, 0, sizeof ct_hidden);
    memset(ct_cell, 0, sizeof ct_cell);
    for (long half = 0; half < HALVES; half++) {
        long at = half * V, left = bits - at;
        for (long k = 0; k < LAYERS; k++) {
            for (long r = 0; r < 2; r++)
                for (long g = 0; g < GATES; g++)
                    w[half].of[k][r][g] =
                        load(main_ + ((2 * k + r) * GATES + g) * bits + at, left);
            kept[0][half].layer[k].hidden = load(state + 2 * k * bits + at, left);
            kept[0][half].layer[k].cell = load(state + (2 * k + 1) * bits + at, left);
        }
        for (long r = 0; r < 3; r++)
            w[half].extra[r] = load(extra + r * bits + at, left);
        for (long i = 0; i < V; i++)
            mask[half][i] = i < left;
        for (long t = 0; t <= steps; t++)
            rows[t][half] = load(text + t * bits + at, left);
    }
    for (long t = 0; t < steps; t++) {
        vec y[HALVES], gain = {0}, grown = {0}, next = {0};
        for (long half = 0; half < HALVES; half++) {
            State *before = kept[t][half].layer, *now = kept[t + 1][half].layer;
            vec x = rows[t][half] * w[half].extra[0];
            for (long k = 0; k < LAYERS; k++)
                x = forward(x, &before[k], &now[k], w[half].of[k]);
            y[half] = x * w[half].extra[1] + w[half].extra[2];
            grown += kept[t + 1][half].grown = exponential(y[half]) * mask[half];
            gain += rows[t + 1][half] * y[half];
            next += rows[t + 1][half];
        }
        sum += total(gain) - total(next) * log(total(grown) + 2.0);
    }
    for (long t = steps - 1; t >= 0; t--) {
        vec grown = {0}, next = {0};
        for (long half = 0; half < HALVES; half++) {
            grown += kept[t + 1][half].grown;
            next += rows[t + 1][half];
        }
        double share = total(next) / (total(grown) + 2.0);
        for (long half = 0; half < HALVES; half++) {
            State *before = kept[t][half].layer, *now = kept[t + 1][half].layer;
            vec ct_y = scale * (rows[t + 1][half] - share * kept[t + 1][half].grown);
            dw[half].extra[1] += ct_y * now[LAYERS - 1].hidden;
            dw[half].extra[2] += ct_y;
            vec ct = ct_y * w[half].extra[1], first = rows[t][half] * w[half].extra[0];
            for (long k = LAYERS - 1; k >= 0; k--) {
                vec x = k ? now[k - 1].hidden : first;
                ct = backward(ct, x, &before[k], &now[k], w[half].of[k], dw[half].of[k],
                              &ct_hidden[half][k], &ct_cell[half][k]);
            }
            dw[half].extra[0] += ct * rows[t][half];
        }
    }
    for (long half = 0; half < HALVES; half++) {
        long at = half * V, left = bits - at;
        for (long r = 0; r < 2 * LAYERS; r++)
            for (long g = 0; g < GATES; g++)
                store(dmain + (r * GATES + g) * bits + at, left,
                      dw[half].of[r / 2][r % 2][g]);
        for (long r = 0; r < 3; r++)
            store(dextra + r * bits + at, left, dw[half].extra[r]);
    }
    free(kept), free(rows);
    return scale * sum;
}
