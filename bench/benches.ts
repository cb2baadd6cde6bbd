import { appends } from './appends.ts';
import { commands } from './commands.ts';
import { customerTree } from './customer-tree.ts';
import { type Bench } from './goal.ts';
import { imports } from './imports.ts';
import { latency } from './latency.ts';
import { lists } from './lists.ts';
import { longAppends } from './long-appends.ts';
import { rating } from './rating.ts';
import { rebuild } from './rebuild.ts';
import { requests } from './requests.ts';
import { start } from './start.ts';

/** In the order of the table. */
export const BENCHES: readonly Bench[] = [
  commands,
  latency,
  appends,
  longAppends,
  rebuild,
  requests,
  lists,
  customerTree,
  imports,
  rating,
  start,
];
