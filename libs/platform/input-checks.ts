import { type INestApplicationContext, type Type } from '@nestjs/common';
import { PARAMTYPES_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage, ValidationTypes } from 'class-validator';
import { controllersOf, routesOf, type Route } from './routes.ts';
import { variantsOf } from './variants.ts';

/**
 * What would reach a controller unchecked, each as a sentence naming route, class and field: input that has no class, and the shapes
 * that class-validator lets pass without a word (a nested list without its rules, an object typed as an interface, …).
 */
export const uncheckedInputs = (app: INestApplicationContext): readonly string[] => uncheckedInputsOf(controllersOf(app));

export const uncheckedInputsOf = (controllers: readonly Type[]): readonly string[] => [
  ...new Set(routesOf(controllers).flatMap(uncheckedIn)),
];

/** Every class that requests are checked against, nested ones included. */
export const inputClassesOf = (controllers: readonly Type[]): readonly Type[] => {
  const seen = new Set<Type>();
  for (const route of routesOf(controllers))
    for (const { type } of inputsOf(route)) if (isOwnClass(type)) uncheckedFields(type, seen);
  return [...seen];
};

/** One rule of a field; class-validator exports no name for it. */
export type FieldRule = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

type Argument = Readonly<{ index: number; data?: unknown }>;

const CHECKED_PLACES: Readonly<Partial<Record<RouteParamtypes, string>>> = {
  [RouteParamtypes.BODY]: 'body',
  [RouteParamtypes.QUERY]: 'query',
};

/** What a route takes from body and query: as a whole of some type, or (`data`) a single field. */
const inputsOf = ({ controller, method }: Route): readonly Readonly<{ place: string; type: unknown; data: unknown }>[] => {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<string, Argument>;
  const types = (Reflect.getMetadata(PARAMTYPES_METADATA, controller.prototype as object, method) ?? []) as readonly unknown[];
  return Object.entries(parameters).flatMap(([key, { index, data }]) => {
    const place = CHECKED_PLACES[Number(key.split(':')[0]) as RouteParamtypes];
    return place === undefined ? [] : [{ place, type: types[index], data }];
  });
};

const uncheckedIn = (route: Route): readonly string[] =>
  inputsOf(route).flatMap(({ place, type, data }) => {
    if (data !== undefined) return [`${route.name}: a single ${place} field "${String(data)}" is taken without a class`];
    if (type === Array) return [`${route.name}: the ${place} is a list at the top, whose elements nobody checks`];
    if (!isOwnClass(type)) return [`${route.name}: the ${place} has no class (an interface, a union or a plain object)`];
    return uncheckedFields(type, new Set()).map((fault) => `${route.name}: ${place} ${fault}`);
  });

const PLAIN: readonly unknown[] = [Object, String, Number, Boolean, Array, Date, Map, Set, Function, Promise];

const isOwnClass = (type: unknown): type is Type => typeof type === 'function' && !PLAIN.includes(type);

export const rulesOf = (type: Type): ReadonlyMap<string, readonly FieldRule[]> => {
  const fields = new Map<string, FieldRule[]>();
  for (const rule of getMetadataStorage().getTargetValidationMetadatas(type, '', true, false)) {
    fields.set(rule.propertyName, [...(fields.get(rule.propertyName) ?? []), rule]);
  }
  return fields;
};

const uncheckedFields = (type: Type, seen: Set<Type>): readonly string[] => {
  if (seen.has(type)) return [];
  seen.add(type);
  const fields = rulesOf(type);
  if (fields.size === 0) return [`${type.name} has no rules at all`];
  return [...fields].flatMap(([field, rules]) => uncheckedField(type, field, rules, seen));
};

/** They say that something is there, or that it is a container; not what is in it. */
const SHAPE_ONLY: readonly (string | undefined)[] = [
  'isDefined',
  'notNull',
  'isObject',
  'isArray',
  'isNotEmpty',
  'isNotEmptyObject',
];
const LIST_ONLY: readonly (string | undefined)[] = ['arrayMinSize', 'arrayMaxSize', 'arrayNotEmpty', 'arrayUnique'];

const uncheckedField = (type: Type, field: string, rules: readonly FieldRule[], seen: Set<Type>): readonly string[] => {
  const at = `${type.name}.${field}`;
  const declared: unknown = Reflect.getMetadata('design:type', type.prototype as object, field);
  const custom = rules.filter((rule) => rule.type === ValidationTypes.CUSTOM_VALIDATION);
  const has = (name: string): boolean => custom.some((rule) => rule.name === name && !rule.each);
  const nested = rules.filter((rule) => rule.type === ValidationTypes.NESTED_VALIDATION);
  const isList = declared === Array || has('isArray') || rules.some(({ each }) => each);
  const faults: string[] = [];

  if (nested.length > 0) {
    const typed = defaultMetadataStorage.findTypeMetadata(type, field);
    if (!typed) return [`${at} has @ValidateNested without @Type: valid input is refused`];
    if (isList && !has('isArray')) faults.push(`${at} is a list without @IsArray: one object, or none, passes in its place`);
    if (isList && !custom.some(({ name, each }) => each && name === 'isObject')) {
      faults.push(`${at} is a list without @IsObject({ each: true }): a list passes in the place of an element`);
    }
    if (!isList && !has('isObject')) faults.push(`${at} is an object without @IsObject: a list, or nothing, passes in its place`);
    const alternatives = variantsOf(type.prototype as object, field) ??
      typed.options?.discriminator?.subTypes.map(({ value }) => value) ?? [typed.typeFunction()];
    return [...faults, ...alternatives.flatMap((each) => (isOwnClass(each) ? uncheckedFields(each, seen) : []))];
  }
  const telling = custom.filter(({ name }) => !SHAPE_ONLY.includes(name) && !LIST_ONLY.includes(name));
  if (isList) {
    if (!custom.some(({ name, each }) => each && !SHAPE_ONLY.includes(name)) && !isWhole(telling)) {
      return [`${at} is a list whose elements nobody checks (@ValidateNested or a rule with each)`];
    }
    return has('isArray') || isWhole(telling) ? [] : [`${at} is a list without @IsArray: a single value passes in its place`];
  }
  if (telling.length > 0) return [];
  return [isOwnClass(declared) ? `${at} is an object without @ValidateNested` : `${at} has no rule that says what it may hold`];
};

/** A rule of our own about the whole value (not one of class-validator's about its size) has looked at the elements, too. */
const isWhole = (rules: readonly FieldRule[]): boolean => rules.some(({ each, name }) => !each && !BUILT_IN.has(name ?? ''));

const BUILT_IN = new Set([
  'isString',
  'isInt',
  'isNumber',
  'isBoolean',
  'isIn',
  'isEnum',
  'minLength',
  'maxLength',
  'isLength',
  'matches',
  'min',
  'max',
]);
