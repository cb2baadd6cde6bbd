import { ops } from './commands.ts';

const interruption = new AbortController();
process.on('SIGINT', () => {
  // A second one ends it at once.
  if (interruption.signal.aborted) process.exit(130);
  interruption.abort();
});

process.exitCode = await ops(process.argv.slice(2), interruption.signal, {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
