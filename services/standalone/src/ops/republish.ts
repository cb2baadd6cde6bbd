import { Failed, type Session } from './session.ts';

/** Publishes the events of one service's log again, in order. */
export const republish = async (session: Session, service: string | undefined, from: number | undefined): Promise<void> => {
  const { name, operations } = await session.service(service);
  if (name === undefined)
    throw new Failed('The services share one process there: nothing is published, and nothing can be again.');
  const { body } = await session.client.put<Readonly<{ from: number }>>(
    `${operations}/republish`,
    from === undefined ? {} : { from },
  );
  session.result(body);
  session.print(
    `The events of ${name} are published again from position ${String(body.from)} on; whoever had them passes ` + 'them by.',
  );
};
