import { createAdmin } from './administrator-command.ts';

const { done, text } = await createAdmin(process.argv.slice(2), process.env);
(done ? process.stdout : process.stderr).write(text);
process.exitCode = done ? 0 : 1;
