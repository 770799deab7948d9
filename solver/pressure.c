// What the pressure's shape functions make of values at the points.

INLINE void weigh_pressure(const Geometry* restrict g, const double* restrict value, double* restrict out)
{
  for (int m = 0; m < NP; ++m)
    for (int q = 0; q < NQ; ++q)
      out[m] += g->weight[q] * value[q] * table_pressure[m][q];
}

INLINE void weigh_pressures(const Geometry* restrict g, const double* restrict value, double* restrict out)
{
  for (int m = 0; m < NP; ++m)
    for (int n = 0; n < NP; ++n)
      for (int q = 0; q < NQ; ++q)
        out[m * NP + n] += g->weight[q] * value[q] * table_pressure[m][q] * table_pressure[n][q];
}

// out[down n + across m] += sum_q weight N_m V_aJ G_iJ, n = 3 i + a
INLINE void couple(const Geometry* restrict g, const double* restrict V, double* restrict out, int down, int across)
{
  for (int m = 0; m < NP; ++m)
  {
    double scaled[9 * NV] ALIGNED, column[3 * ND] = {0};
    for (int k = 0; k < 9; ++k)
      for (int q = 0; q < NV; ++q)
        scaled[k * NV + q] = table_pressure[m][q] * V[k * NV + q];
    fine_contract_vector(g, scaled, column);
    for (int n = 0; n < 3 * ND; ++n)
      out[down * n + across * m] += column[n];
  }
}
