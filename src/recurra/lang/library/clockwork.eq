# Clockwork RNN: parts that tick at every 1st, 2nd and 4th step (Koutnik et al. 2014)
# p and q are the clocks: p is 1 at every second step, q at every fourth. Simplified: three parts.
# zh: 时钟 RNN：各部分分别每 1、2、4 步更新一次（Koutnik 等，2014）
# zh: p 和 q 是时钟：p 每两步为 1，q 每四步为 1。简化：只有三个部分。
p[t] = 1 - p[t-1]
q[t] = p[t] * (1 - r[t-1])
r[t] = r[t-1] + p[t] - 2 * r[t-1] * p[t]
a[t] = tanh(Ua @ x[t] + Waa @ a[t-1] + Wab @ b[t-1] + Wac @ c[t-1] + sa)
b[t] = p[t] * tanh(Ub @ x[t] + Wbb @ b[t-1] + Wbc @ c[t-1] + sb) + (1 - p[t]) * b[t-1]
c[t] = q[t] * tanh(Uc @ x[t] + Wcc @ c[t-1] + sc) + (1 - q[t]) * c[t-1]
o[t] = softmax(Qa @ a[t] + Qb @ b[t] + Qc @ c[t] + s)
