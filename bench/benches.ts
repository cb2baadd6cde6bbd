import { type Bench } from './goal.ts';

/** In the order of the table. */
export const BENCHES: readonly Bench[] = [];
