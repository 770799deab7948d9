// Contraction with the gradients of NT shape functions, padded to NTP; ROWS of them are worked on at once.

#define VECTORS (NTP / LANES)
#define ROWS (SUMS < VECTORS ? 1 : SUMS / VECTORS < NT ? SUMS / VECTORS : NT)

// Gradients at every point: G[3 q + J][node].
INLINE void NAME(slopes)(const Geometry* restrict g, double* restrict G)
{
  for (int q = 0; q < NQ; ++q)
    for (int j = 0; j < 3; ++j)
    {
      const double a = g->inverse[j][q], b = g->inverse[3 + j][q], c = g->inverse[6 + j][q];
      for (int n = 0; n < NTP; ++n)
        G[(3 * q + j) * NTP + n] = a * TABLE[q][0][n] + b * TABLE[q][1][n] + c * TABLE[q][2][n];
    }
}

// out[3 i + a] += sum_q weight V_aJ G_iJ
INLINE void NAME(contract_vector)(const Geometry* restrict g, const double* restrict V, double* restrict out)
{
  double G[3 * NQ * NTP] ALIGNED, sum[3][NTP] ALIGNED = {{0}};
  NAME(slopes)(g, G);
  for (int q = 0; q < NQ; ++q)
    for (int a = 0; a < 3; ++a)
      for (int j = 0; j < 3; ++j)
      {
        const double s = g->weight[q] * V[(3 * a + j) * NV + q];
        for (int n = 0; n < NTP; ++n)
          sum[a][n] += s * G[(3 * q + j) * NTP + n];
      }
  for (int n = 0; n < NT; ++n)
    for (int a = 0; a < 3; ++a)
      out[3 * n + a] += sum[a][n];
}

// out[3 i + a][3 j + b] += sum_q weight G_iJ A_aJbL G_jL for a <= b; the rest follows by symmetry.
INLINE void NAME(contract_matrix)(const Geometry* restrict g, const double* restrict A, double* restrict out)
{
  double G[3 * NQ * NTP + ROWS] ALIGNED, T[3 * NQ * NTP] ALIGNED;
  NAME(slopes)(g, G);
  for (int a = 0; a < 3; ++a)
    for (int b = a; b < 3; ++b)
    {
      for (int q = 0; q < NQ; ++q)
        for (int j = 0; j < 3; ++j)
        {
          const double *r = A + q, w = g->weight[q];
          const double s0 = w * r[PLACE(3 * a + j, 3 * b) * NV], s1 = w * r[PLACE(3 * a + j, 3 * b + 1) * NV],
                       s2 = w * r[PLACE(3 * a + j, 3 * b + 2) * NV];
          const double *at = G + 3 * q * NTP;
          for (int n = 0; n < NTP; ++n)
            T[(3 * q + j) * NTP + n] = s0 * at[n] + s1 * at[NTP + n] + s2 * at[2 * NTP + n];
        }
      for (int first = 0; first < NT; first += ROWS)
      {
        lanes sum[ROWS][VECTORS] = {{{0}}};
        for (int m = 0; m < 3 * NQ; ++m)
        {
          const double* row = G + m * NTP + first;
          const lanes* column = (const lanes*)(T + m * NTP);
          #pragma GCC unroll 16
          for (int i = 0; i < ROWS; ++i)
            #pragma GCC unroll 16
            for (int v = 0; v < VECTORS; ++v)
              sum[i][v] += row[i] * column[v];
        }
        #pragma GCC unroll 16
        for (int i = 0; i < ROWS; ++i)
          if (first + i < NT)
          {
            double flat[NTP] ALIGNED;
            #pragma GCC unroll 16
            for (int v = 0; v < VECTORS; ++v)
              *(lanes*)(flat + v * LANES) = sum[i][v];
            const int r = 3 * (first + i) + a;
            for (int n = 0; n < NT; ++n)
              out[r * 3 * NT + 3 * n + b] += flat[n];
            if (a != b)
              for (int n = 0; n < NT; ++n)
                out[(3 * n + b) * 3 * NT + r] += flat[n];
          }
      }
    }
}

#undef VECTORS
#undef ROWS
