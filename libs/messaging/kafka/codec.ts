import { type Category, type Recorded } from '#libs/event-sourcing/event';

/** An event as it travels; messages of one key keep their order. */
type Encoded = Readonly<{ key: string; headers: Readonly<Record<string, string>>; value: Buffer }>;

/** A message as the broker hands it over. */
export type Received = Readonly<{
  headers: Readonly<Record<string, string | Buffer | (string | Buffer)[] | undefined>>;
  value: Buffer | null;
}>;

/** How events become messages and come back. Both throw an error that names the event and its field. */
export type Codec = Readonly<{
  encode: (event: Recorded, logId: string) => Encoded;
  decode: (message: Received) => Readonly<{ event: Recorded; logId: string }>;
  topicOf: (category: Category) => string;
}>;
