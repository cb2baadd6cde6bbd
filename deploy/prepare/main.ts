import { reasonOf } from '#libs/platform/bootstrap';
import { prepare } from './prepare.ts';

try {
  await prepare(process.env, (line) => {
    process.stdout.write(`${line}\n`);
  });
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exitCode = 1;
}
