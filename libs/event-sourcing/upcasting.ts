import { type DomainEvent } from './event.ts';

/** For each retired event type, how its data reads in today's language. The result may be retired too: upcasters chain. */
export type Upcasters = Readonly<Record<string, (data: never) => DomainEvent>>;

/** @throws Error when upcasters lead in a circle. */
export const upcast = (upcasters: ReadonlyMap<string, (data: unknown) => DomainEvent>, event: DomainEvent): DomainEvent => {
  let present = event;
  for (let steps = 0; steps <= upcasters.size; steps++) {
    const step = upcasters.get(present.type);
    if (!step) return present;
    present = step(present.data);
  }
  throw new Error(`The upcasters of ${event.type} lead in a circle.`);
};
