import { commands } from './commands.ts';
import { type Bench } from './goal.ts';
import { latency } from './latency.ts';
import { rebuild } from './rebuild.ts';

/** In the order of the table. */
export const BENCHES: readonly Bench[] = [commands, latency, rebuild];
