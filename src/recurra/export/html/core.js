"use strict";

// Parameters from base64: each in its format, every matrix row by row.
function unpack(text, layout) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  let at = 0;
  const take = (Kind, count) => {
    const part = new Kind(bytes.slice(at, at + count * Kind.BYTES_PER_ELEMENT).buffer);
    at += count * Kind.BYTES_PER_ELEMENT;
    return part;
  };
  return layout.map(([format, rows, columns]) => {
    if (format === "float32") return take(Float32Array, rows * columns);
    if (format === "float16") return Float32Array.from(take(Uint16Array, rows * columns), half);
    const factors = take(Float32Array, rows);
    return Float32Array.from(take(Int8Array, rows * columns), (n, k) => n * factors[Math.floor(k / columns)]);
  });
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

// matrix @ vector, the matrix row by row: four rows at a time, which is twice as fast as one
function multiply(matrix, vector, rows) {
  const n = vector.length, out = new Float64Array(rows), whole = rows - (rows % 4);
  for (let i = 0; i < whole; i += 4) {
    let a = 0, b = 0, c = 0, d = 0;
    for (let j = 0, k = i * n; j < n; j++, k++) {
      const one = vector[j];
      a += matrix[k] * one;
      b += matrix[k + n] * one;
      c += matrix[k + 2 * n] * one;
      d += matrix[k + 3 * n] * one;
    }
    out.set([a, b, c, d], i);
  }
  for (let i = whole; i < rows; i++) {
    for (let j = 0; j < n; j++) out[i] += matrix[i * n + j] * vector[j];
  }
  return out;
}

// matrix.T @ vector
function multiplyTransposed(matrix, vector, columns) {
  const out = new Float64Array(columns);
  for (let i = 0, k = 0; i < vector.length; i++) {
    for (let j = 0; j < columns; j++, k++) out[j] += matrix[k] * vector[i];
  }
  return out;
}

// Blocks, one behind the other, each times its part of a vector.
function multiplyBlocks(multiply, matrix, vector, size, blocks) {
  const out = new Float64Array(size * blocks);
  const part = (array, k) => array.subarray((k * array.length) / blocks, ((k + 1) * array.length) / blocks);
  for (let k = 0; k < blocks; k++) out.set(multiply(part(matrix, k), part(vector, k), size), k * size);
  return out;
}

// A function of each of so many equal parts of a vector.
function ofParts(one, z, parts) {
  const size = z.length / parts, out = new Float64Array(z.length);
  for (let i = 0; i < z.length; i += size) out.set(one(z.subarray(i, i + size)), i);
  return out;
}

function repeatedSum(z) {
  return new Float64Array(z.length).fill(z.reduce((a, b) => a + b, 0));
}

function repeatedMean(z) {
  return repeatedSum(z).map((one) => one / z.length);
}

function softmax(z) {
  return logSoftmax(z).map(Math.exp);
}

function normalise(z) {
  const mean = z.reduce((a, b) => a + b, 0) / z.length;
  const variance = z.reduce((a, b) => a + (b - mean) ** 2, 0) / z.length;
  return Float64Array.from(z, (one) => (one - mean) / Math.sqrt(variance + 1e-5));
}

function logSoftmax(z) {
  let highest = -Infinity, total = 0;
  for (const one of z) highest = Math.max(highest, one);
  for (const one of z) total += Math.exp(one - highest);
  const shift = highest + Math.log(total);
  return z.map((one) => one - shift);
}

// A choice among the listed characters and the classes of all others; then one within the class.
function logProbabilities(scores, V, listed) {
  const head = new Float64Array(listed + scores.length - V);
  head.set(scores.subarray(0, listed));
  head.set(scores.subarray(V), listed);
  head.set(logSoftmax(head));
  const logP = new Float64Array(V);
  logP.set(head.subarray(0, listed));
  const size = Math.max(1, Math.ceil(Math.sqrt(V - listed)));
  for (let first = listed, k = listed; first < V; first += size, k++) {
    const within = logSoftmax(scores.subarray(first, Math.min(first + size, V)));
    logP.set(within.map((one) => one + head[k]), first);
  }
  return logP;
}

// Uniform in [0, 1): xorshift32 (Marsaglia 2003).
function generator(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let n = 0; n < 16; n++) next(); // neighbouring seeds part
  return next;
}

// The numbers of the likeliest characters, the likeliest first.
function likeliest(logP, count) {
  const found = [];
  logP.forEach((one, k) => {
    if (found.length >= count && one <= logP[found[count - 1]]) return;
    let at = found.length;
    while (at && logP[found[at - 1]] < one) at--;
    found.splice(at, 0, k);
    found.length = Math.min(found.length, count);
  });
  return found;
}

// The number of the next character; temperature 0 takes the likeliest, topK 0 is no limit.
function draw(logP, temperature, topK, random) {
  const [first] = likeliest(logP, 1);
  if (temperature === 0) return first;
  const among = topK ? likeliest(logP, topK) : [...logP.keys()];
  const weights = among.map((k) => Math.exp((logP[k] - logP[first]) / temperature));
  let left = random() * weights.reduce((a, b) => a + b, 0);
  return among.find((_, n) => (left -= weights[n]) < 0) ?? first;
}
