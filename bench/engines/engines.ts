import { type BenchOptions, type Measured } from '../goal.ts';

type EngineBenchOptions = Omit<BenchOptions, 'lines'> & Readonly<{ messagingUrl: string; readModelsUrl: string }>;

export type EngineBench = Readonly<{
  goals: readonly string[];
  run: (options: EngineBenchOptions) => Promise<readonly Measured[]>;
}>;
