import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescOneof,
  fromBinary,
  getOption,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { absent, all_or_ids, list, text } from './generated/tributary/common/v1/options_pb.ts';

/** The data of one type of event, as JSON values, and its Protobuf message in binary. */
export type DataCodec = Readonly<{
  /** @throws WrongField for data that the message cannot hold, whole and as it is. */
  encode(data: unknown): Uint8Array;
  /** Fields that the message does not know are ignored. @throws WrongField, or what the library throws for broken bytes. */
  decode(bytes: Uint8Array): unknown;
}>;

/** What is wrong with a field, by its path in the data. */
class WrongField extends Error {
  override readonly name = 'WrongField';

  constructor(
    readonly path: readonly (string | number)[],
    readonly problem: string,
  ) {
    super(`${path.join('.') || 'the data'} ${problem}`);
  }
}

const at = (key: string | number, error: unknown): unknown =>
  error instanceof WrongField ? new WrongField([key, ...error.path], error.problem) : error;

const wrong = (problem: string): WrongField => new WrongField([], problem);

/** The codec of a message, by the conventions that `proto/tributary/common/v1/options.proto` states. */
export const dataCodec = (message: DescMessage): DataCodec => {
  const shape = shapeOf(message);
  return {
    encode: (data) => toBinary(message, shape.toMessage(data) as Message),
    decode: (bytes) => shape.toData(fromBinary(message, bytes, { readUnknownFields: false })),
  };
};

/** How one kind of value is converted; `toMessage` is given whatever the data holds. */
type Shape = Readonly<{ toMessage: (value: unknown) => unknown; toData: (value: unknown) => unknown }>;

type Properties = Record<string, unknown>;

/** A part of a message that stands for one or more properties of the data. `read` answers how many of them there were. */
type Member = Readonly<{
  read: (data: Properties, message: Properties) => number;
  write: (message: Properties, data: Properties) => void;
}>;

const shapes = new Map<DescMessage, Shape>();

const shapeOf = (message: DescMessage): Shape => {
  const known = shapes.get(message);
  if (known) return known;
  const shape = getOption(message, all_or_ids)
    ? allOrIds(message)
    : getOption(message, list)
      ? listAlone(message)
      : ofProperties(message);
  shapes.set(message, shape);
  return shape;
};

const ofProperties = (message: DescMessage): Shape => {
  const members = membersOf(message);
  const toData = (value: unknown): Properties => {
    const data: Properties = {};
    for (const member of members) member.write(value as Properties, data);
    return data;
  };
  return {
    toMessage: (value) => {
      if (!isProperties(value)) throw wrong(`is ${shown(value)}, no object`);
      const made = create(message) as unknown as Properties;
      let taken = 0;
      for (const member of members) taken += member.read(value, made);
      if (taken !== Object.keys(value).length) refuseUnknown(message, value, toData(made));
      return made;
    },
    toData,
  };
};

/** What is undefined is not there: JSON would not have it either. */
const refuseUnknown = (message: DescMessage, value: Properties, known: Properties): void => {
  const unknown = Object.keys(value).filter((key) => value[key] !== undefined && !Object.hasOwn(known, key));
  if (unknown.length > 0) throw new WrongField(unknown.slice(0, 1), `is no property that ${message.typeName} knows`);
};

const isProperties = (value: unknown): value is Properties =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const membersOf = (message: DescMessage): readonly Member[] =>
  message.members.map((member) => {
    if (member.kind === 'oneof') return choice(member);
    if (member.proto.proto3Optional) return optional(member);
    return required(member);
  });

const required = (field: DescField): Member => {
  const { jsonName, localName } = field;
  const { toMessage, toData } = valueOf(field);
  return {
    read: (data, message) => {
      try {
        message[localName] = toMessage(data[jsonName]);
        return 1;
      } catch (error) {
        throw at(jsonName, error);
      }
    },
    write: (message, data) => {
      try {
        data[jsonName] = toData(message[localName]);
      } catch (error) {
        throw at(jsonName, error);
      }
    },
  };
};

const optional = (field: DescField): Member => {
  const { jsonName, localName } = field;
  const { read, write } = required(field);
  const nothing = getOption(field, absent) ? undefined : null;
  return {
    read: (data, message) => {
      if (data[jsonName] !== nothing) return read(data, message);
      return nothing === null ? 1 : 0;
    },
    write: (message, data) => {
      if (message[localName] !== undefined) write(message, data);
      else if (nothing === null) data[jsonName] = null;
    },
  };
};

/** Of the oneof's cases the one that `type` names, its fields beside `type`. */
const choice = (oneof: DescOneof): Member => {
  const cases = new Map(
    oneof.fields.map((field) => {
      if (field.fieldKind !== 'message') throw new Error(`${String(field)} is a case of a oneof and no message.`);
      return [field.localName, { field, members: membersOf(field.message), message: field.message }];
    }),
  );
  return {
    read: (data, message) => {
      const { type } = data;
      const chosen = typeof type === 'string' ? cases.get(type) : undefined;
      if (!chosen) throw new WrongField(['type'], `is ${shown(type)}, not one of ${[...cases.keys()].join(', ')}`);
      const value = create(chosen.message) as unknown as Properties;
      let taken = 1;
      for (const member of chosen.members) taken += member.read(data, value);
      message[oneof.localName] = { case: type, value };
      return taken;
    },
    write: (message, data) => {
      const { case: type, value } = message[oneof.localName] as { case: string | undefined; value: Properties };
      const chosen = type === undefined ? undefined : cases.get(type);
      if (!chosen) throw new WrongField(['type'], `is none of ${[...cases.keys()].join(', ')}`);
      data['type'] = type;
      for (const member of chosen.members) member.write(value, data);
    },
  };
};

const valueOf = (field: DescField): Shape => {
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(field.scalar, field);
    case 'enum':
      return enumText(field.enum);
    case 'message':
      return present(shapeOf(field.message));
    case 'list':
      return listOf(elementOf(field));
    case 'map':
      throw new Error(`${String(field)}: a map keeps no order.`);
  }
};

const elementOf = (field: DescField & Readonly<{ fieldKind: 'list' }>): Shape => {
  switch (field.listKind) {
    case 'scalar':
      return scalar(field.scalar, field);
    case 'enum':
      return enumText(field.enum);
    case 'message':
      return shapeOf(field.message);
  }
};

const present = ({ toMessage, toData }: Shape): Shape => ({
  toMessage,
  toData: (value) => {
    if (value === undefined) throw wrong('is not there');
    return toData(value);
  },
});

const listOf = (element: Shape): Shape => ({
  toMessage: (value) => {
    if (!Array.isArray(value)) throw wrong(`is ${shown(value)}, no list`);
    return converted(value, element.toMessage);
  },
  toData: (value) => converted(value as readonly unknown[], element.toData),
});

const converted = (values: readonly unknown[], convert: (value: unknown) => unknown): readonly unknown[] =>
  values.map((value, index) => {
    try {
      return convert(value);
    } catch (error) {
      throw at(index, error);
    }
  });

const asItIs = (type: 'string' | 'boolean'): Shape => ({
  toMessage: (value) => {
    if (typeof value !== type) throw wrong(`is ${shown(value)}, no ${type}`);
    return value;
  },
  toData: (value) => value,
});

/** Whole numbers that JSON keeps. */
const WHOLE: Shape = {
  toMessage: (value) => {
    if (!Number.isSafeInteger(value)) throw wrong(`is ${shown(value)}, no safe integer`);
    return BigInt(value as number);
  },
  toData: (value) => {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw wrong(`is ${String(value)}, no safe integer`);
    return number;
  },
};

const scalar = (type: ScalarType, field: DescField): Shape => {
  switch (type) {
    case ScalarType.STRING:
      return asItIs('string');
    case ScalarType.BOOL:
      return asItIs('boolean');
    case ScalarType.INT64:
      return WHOLE;
    default:
      throw new Error(`${String(field)}: events have texts, truth values and int64 only; amounts are decimal text.`);
  }
};

const enumText = (desc: DescEnum): Shape => {
  const texts = new Map(desc.values.filter(({ number }) => number !== 0).map((value) => [value.number, getOption(value, text)]));
  const numbers = new Map([...texts].map(([number, word]) => [word, number]));
  return {
    toMessage: (value) => {
      const number = typeof value === 'string' ? numbers.get(value) : undefined;
      if (number === undefined) throw wrong(`is ${shown(value)}, not one of ${[...numbers.keys()].join(', ')}`);
      return number;
    },
    toData: (value) => {
      const word = texts.get(value as number);
      if (word === undefined) throw wrong(`is ${String(value)}, no value of ${desc.typeName} that is known here`);
      return word;
    },
  };
};

/** The word `all` or a list. */
const allOrIds = (message: DescMessage): Shape => {
  const ids = listOf(asItIs('string'));
  return {
    toMessage: (value) => Object.assign(create(message), value === 'all' ? { all: true } : { ids: ids.toMessage(value) }),
    toData: (value) => {
      const scope = value as Properties;
      return scope['all'] === true ? 'all' : scope['ids'];
    },
  };
};

/** The list that the only field of a message is. */
const listAlone = (message: DescMessage): Shape => {
  const [field, ...others] = message.fields;
  if (field?.fieldKind !== 'list' || others.length > 0) throw new Error(`${message.typeName} is more, or less, than a list.`);
  const { toMessage, toData } = valueOf(field);
  return {
    toMessage: (value) => Object.assign(create(message), { [field.localName]: toMessage(value) }),
    toData: (value) => toData((value as Properties)[field.localName]),
  };
};

const shown = (value: unknown): string => (value === undefined ? 'not there' : JSON.stringify(value).slice(0, 80));
