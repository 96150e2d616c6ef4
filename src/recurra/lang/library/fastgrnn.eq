# FastGRNN: gate and candidate share their matrices (Kusupati et al. 2018)
# Simplified: dense matrices; each unit has a zeta and a nu, kept between 0 and 1 by sigmoid.
v[t] = U @ x[t] + W @ h[t-1]
z[t] = sigmoid(v[t] + bz)
h[t] = (sigmoid(zeta) * (1 - z[t]) + sigmoid(nu)) * tanh(v[t] + bh) + z[t] * h[t-1]
o[t] = softmax(V @ h[t] + s)
bz: constant(1)
zeta: constant(1)
nu: constant(-4)
