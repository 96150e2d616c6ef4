# glstm for thousands of characters: one embedding read both ways, characters in classes
classes = 256
e[t] = E @ x[t]
a[t] = gelu(U @ e[t] + W @ a[t-1] + s1)
i[t] = sigmoid(Vi @ a[t] + Wi @ h[t-1] + bi)
f[t] = sigmoid(Vf @ a[t] + Wf @ h[t-1] + bf)
g[t] = tanh(Vg @ a[t] + Wg @ h[t-1] + bg)
q[t] = sigmoid(Vq @ a[t] + Wq @ h[t-1] + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = q[t] * tanh(c[t])
p[t] = P @ h[t]
o[t] = softmax(E.T @ p[t] + s2, classes)
bf: constant(1)
