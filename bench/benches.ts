import { type Bench } from './goal.ts';
import { rebuild } from './rebuild.ts';

/** In the order of the table. */
export const BENCHES: readonly Bench[] = [rebuild];
