const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * The hash by which Kafka's clients choose the partition of a key. kafkajs computes it in big integers, a tenth of a relay's time.
 */
export const murmur2 = (key: string): number => {
  const bytes = Buffer.from(key);
  const { length } = bytes;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let four = Math.imul(bytes.readInt32LE(at), M);
    four = Math.imul(four ^ (four >>> 24), M);
    hash = Math.imul(hash, M) ^ four;
  }
  if (whole < length) hash = Math.imul(hash ^ bytes.readUIntLE(whole, length - whole), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
};
