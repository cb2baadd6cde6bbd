import { type DescMessage, getOption, hasOption } from '@bufbuild/protobuf';
import { type Category } from '#libs/event-sourcing/event';
import { type DataCodec, dataCodec } from './event-data.ts';
import { file_tributary_access_control_v1_acting } from './generated/tributary/access_control/v1/acting_pb.ts';
import { file_tributary_access_control_v1_events } from './generated/tributary/access_control/v1/events_pb.ts';
import { file_tributary_common_v1_events } from './generated/tributary/common/v1/events_pb.ts';
import { event } from './generated/tributary/common/v1/options_pb.ts';
import { file_tributary_contracts_v1_events } from './generated/tributary/contracts/v1/events_pb.ts';
import { file_tributary_ingestion_v1_events } from './generated/tributary/ingestion/v1/events_pb.ts';
import { file_tributary_invoicing_v1_events } from './generated/tributary/invoicing/v1/events_pb.ts';
import { file_tributary_tenants_v1_events } from './generated/tributary/tenants/v1/events_pb.ts';

/** A type of event that is published. `categories` of its streams; none: of every stream. `name` is that of the message. */
type PublicEvent = Readonly<{
  type: string;
  name: string;
  categories: readonly Category[];
  message: DescMessage;
  codec: DataCodec;
}>;

const publicEvent = (message: DescMessage): PublicEvent => ({
  type: message.name,
  name: message.typeName,
  categories: getOption(message, event).categories as Category[],
  message,
  codec: dataCodec(message),
});

export const PUBLIC_EVENTS: readonly PublicEvent[] = [
  file_tributary_access_control_v1_acting,
  file_tributary_access_control_v1_events,
  file_tributary_common_v1_events,
  file_tributary_contracts_v1_events,
  file_tributary_ingestion_v1_events,
  file_tributary_invoicing_v1_events,
  file_tributary_tenants_v1_events,
].flatMap(({ messages }) => messages.filter((message) => hasOption(message, event)).map(publicEvent));

export const PUBLIC_CATEGORIES: readonly Category[] = [
  ...new Set(PUBLIC_EVENTS.flatMap(({ categories }) => categories)),
].toSorted();

const known: ReadonlySet<Category> = new Set(PUBLIC_CATEGORIES);

/** Whether events of these streams are published; those of the others never leave their service's log. */
export const isPublic = (category: Category): boolean => known.has(category);

export const serviceOf = (category: Category): string => category.slice(0, category.indexOf('.'));

/** The topic of the service whose streams these are: `tributary.<service>.v1`. */
export const topicOf = (category: Category): string => `tributary.${serviceOf(category)}.v1`;

export const TOPICS: readonly string[] = [...new Set(PUBLIC_CATEGORIES.map(topicOf))];

const byType = new Map<string, PublicEvent>();
const byName = new Map<string, PublicEvent>();
for (const one of PUBLIC_EVENTS) {
  byName.set(one.name, one);
  if (one.categories.length === 0) byType.set(one.type, one);
  for (const category of one.categories) byType.set(`${category} ${one.type}`, one);
}

/** Undefined: streams of the category hold no public event of that type. */
export const publicEventOf = (category: Category, type: string): PublicEvent | undefined =>
  isPublic(category) ? (byType.get(`${category} ${type}`) ?? byType.get(type)) : undefined;

/** By the name of the message. */
export const publicEventNamed = (name: string): PublicEvent | undefined => byName.get(name);
