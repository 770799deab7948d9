// Element kernels of a hyperelastic body. What stands above this text: sizes and tables of the element (N*, table_*),
// the law at the quadrature points (law_*), and the place of everything that it reads (gather).
//
// A material point gives P = dW/dF (9), A = dP/dF (45, symmetric) and, with a pressure, dW/dp and dP/dp; the loops here
// contract them with gradients of shape functions. LANES points or nodes are worked on at once; rows are padded to
// whole vectors, with weight zero.

#define PLACE(r, s) ((r) < (s) ? PLACE_(r, s) : PLACE_(s, r)) // where A_rs stands among the 45
#define PLACE_(r, s) ((r) * 9 - (r) * ((r) - 1) / 2 + (s) - (r))

#if defined(__AVX512F__)
#define LANES 8
#define SUMS 20 // vectors that registers hold at once, beside what is added to them
#elif defined(__AVX__)
#define LANES 4
#define SUMS 10
#else
#define LANES 2
#define SUMS 10
#endif

typedef double lanes __attribute__((vector_size(8 * LANES), aligned(8 * LANES)));
#define ALIGNED __attribute__((aligned(64)))
#define INLINE static inline __attribute__((always_inline))

typedef struct
{
  double inverse[9][NV] ALIGNED; // dX_K/dx_J, reference coordinate K by physical coordinate J
  double weight[NV] ALIGNED;     // quadrature weight times volume
} Geometry;

INLINE void measure(const double* restrict x, Geometry* restrict g)
{
  for (int q = 0; q < NV; ++q)
  {
    double m[9] = {0};
    for (int n = 0; n < NG; ++n)
      for (int a = 0; a < 3; ++a)
        for (int k = 0; k < 3; ++k)
          m[3 * a + k] += x[3 * n + a] * table_geometry[k][n][q];
    const double c0 = m[4] * m[8] - m[5] * m[7], c1 = m[5] * m[6] - m[3] * m[8], c2 = m[3] * m[7] - m[4] * m[6];
    const double det = m[0] * c0 + m[1] * c1 + m[2] * c2, over = 1.0 / det;
    g->inverse[0][q] = c0 * over;
    g->inverse[1][q] = (m[2] * m[7] - m[1] * m[8]) * over;
    g->inverse[2][q] = (m[1] * m[5] - m[2] * m[4]) * over;
    g->inverse[3][q] = c1 * over;
    g->inverse[4][q] = (m[0] * m[8] - m[2] * m[6]) * over;
    g->inverse[5][q] = (m[2] * m[3] - m[0] * m[5]) * over;
    g->inverse[6][q] = c2 * over;
    g->inverse[7][q] = (m[1] * m[6] - m[0] * m[7]) * over;
    g->inverse[8][q] = (m[0] * m[4] - m[1] * m[3]) * over;
    g->weight[q] = table_weight[q] * fabs(det);
  }
}

// Deformation gradient at the points, F = I + du/dx.
INLINE void deform(const double* restrict u, const Geometry* restrict g, double* restrict F)
{
  double h[9][NV] ALIGNED = {{0}};
  for (int n = 0; n < ND; ++n)
    for (int a = 0; a < 3; ++a)
      for (int k = 0; k < 3; ++k)
        for (int q = 0; q < NV; ++q)
          h[3 * a + k][q] += u[3 * n + a] * table_displacement[k][n][q];
  for (int a = 0; a < 3; ++a)
    for (int j = 0; j < 3; ++j)
      for (int q = 0; q < NV; ++q)
        F[(3 * a + j) * NV + q] = (a == j) + h[3 * a][q] * g->inverse[j][q] + h[3 * a + 1][q] * g->inverse[3 + j][q]
                                  + h[3 * a + 2][q] * g->inverse[6 + j][q];
}

#if NP > 0
INLINE void press(const double* restrict p, double* restrict at)
{
  for (int q = 0; q < NV; ++q)
    at[q] = 0;
  for (int n = 0; n < NP; ++n)
    for (int q = 0; q < NV; ++q)
      at[q] += p[n] * table_pressure[n][q];
}
#endif

// Everything that the law reads, point by point.
INLINE void look(const double* restrict w, const double* restrict x, Geometry* restrict g, double* restrict in)
{
  measure(x, g);
  deform(w, g, in);
#if NP > 0
  press(w + 3 * ND, in + 9 * NV);
#endif
  gather(w, in);
}
