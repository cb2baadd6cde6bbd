import {
  type DescEnum,
  type DescEnumValue,
  type DescField,
  type DescFile,
  type DescMessage,
  getOption,
  hasOption,
} from '@bufbuild/protobuf';
import { getComments, getSyntaxComments } from '@bufbuild/protoplugin';
import { event } from '../generated/tributary/common/v1/options_pb.ts';

/** What a proto file says above something, on one line. */
export const said = (desc: DescMessage | DescField | DescEnum | DescEnumValue): string => oneLine(getComments(desc).leading);

const oneLine = (text = ''): string => text.trim().replace(/\s*\n\s*/g, ' ');

/** What a file says at its top. */
const aboutFile = (file: DescFile): string => oneLine(getSyntaxComments(file).leading);

export type DescribedEvent = Readonly<{ message: DescMessage; categories: readonly string[] }>;

/** A package of events: those of a service, or the facts that streams of every service hold (`service` undefined). */
export type DescribedService = Readonly<{
  package: string;
  service: string | undefined;
  topic: string | undefined;
  about: string;
  file: string;
  events: readonly DescribedEvent[];
  /** What its events are made of. */
  parts: readonly (DescMessage | DescEnum)[];
}>;

const COMMON = 'tributary.common.v1';

/** In alphabetical order, the facts of every service last. */
export const describedServices = (files: Iterable<DescFile>): readonly DescribedService[] => {
  const ours = [...files].filter(({ proto }) => proto.package.startsWith('tributary.'));
  const packages = [...new Set(ours.map(({ proto }) => proto.package))].toSorted((a, b) =>
    a === COMMON ? 1 : b === COMMON ? -1 : a < b ? -1 : 1,
  );
  return packages.map((name) => {
    const own = ours.filter(({ proto }) => proto.package === name && !proto.name.endsWith('/options.proto'));
    const messages = own.flatMap((file) => file.messages);
    const main = own.find((file) => file.name.endsWith('/events'));
    if (!main) throw new Error(`${name} has no events.proto`);
    const service = name === COMMON ? undefined : name.split('.')[1]?.replaceAll('_', '-');
    return {
      package: name,
      service,
      topic: service && `tributary.${service}.v1`,
      about: aboutFile(main),
      file: main.proto.name,
      events: messages
        .filter((message) => hasOption(message, event))
        .map((message) => ({ message, categories: getOption(message, event).categories })),
      parts: [...own.flatMap((file) => file.enums), ...messages.filter((message) => !hasOption(message, event))],
    };
  });
};
