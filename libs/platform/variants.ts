import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { plainToInstance, Transform, type TransformFnParams, Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsBoolean, IsIn, IsObject, ValidateNested } from 'class-validator';

type Schema = Parameters<typeof ApiProperty>[0];

/** One of these texts. */
export const OneOf = (...values: readonly string[]): PropertyDecorator =>
  applyDecorators(IsIn(values), ApiProperty({ type: String, enum: values }));

/** What the docs say about a field whose rules do not say it. */
export const Documented = (schema: Schema): PropertyDecorator => ApiProperty(schema);

/** `true` or `false`, not as text. */
export const Flag = (): PropertyDecorator => applyDecorators(IsBoolean(), ApiProperty({ type: Boolean }));

/** The class for each value of the field `type`; several values may share one. */
export type Variants = Readonly<Record<string, new () => object>>;

const VARIANTS = 'tributary:variants';

/** The classes that `OneVariant` or `VariantList` on this field chooses from; undefined for any other field. */
export const variantsOf = (prototype: object, field: string): readonly (new () => object)[] | undefined =>
  Reflect.getMetadata(VARIANTS, prototype, field) as readonly (new () => object)[] | undefined;

/** One object whose class is told by its field `type`, checked throughout. */
export const OneVariant = (variants: Variants): PropertyDecorator => {
  const unknownType = unknownTypeOf(variants);
  return applyDecorators(
    IsObject(),
    ValidateNested(),
    Type(() => unknownType),
    Transform(({ obj, key }: TransformFnParams) => instanceOf(variants, unknownType, (obj as Fields)[key])),
    declared(variants, (oneOf) => ({ oneOf })),
  );
};

/** A list of such objects, each of its own class. */
export const VariantList = (variants: Variants, max: number): PropertyDecorator => {
  const unknownType = unknownTypeOf(variants);
  return applyDecorators(
    IsArray(),
    ArrayMaxSize(max),
    IsObject({ each: true }),
    ValidateNested({ each: true }),
    Type(() => unknownType),
    Transform(({ obj, key }: TransformFnParams) => {
      const given = (obj as Fields)[key];
      return Array.isArray(given) ? given.map((item) => instanceOf(variants, unknownType, item)) : given;
    }),
    declared(variants, (oneOf) => ({ type: 'array', items: { oneOf }, maxItems: max })),
  );
};

type Fields = Readonly<Record<string, unknown>>;

// class-transformer's own discriminator throws a TypeError, hence a 500, for a list that holds null.
const instanceOf = (variants: Variants, unknownType: new () => object, item: unknown): unknown => {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
  const type: unknown = 'type' in item ? item.type : undefined;
  const known = typeof type === 'string' && Object.hasOwn(variants, type) ? variants[type] : undefined;
  return plainToInstance(known ?? unknownType, item);
};

/** Stands in for an object whose `type` is none of the variants', so that the answer names that field. */
const unknownTypeOf = (variants: Variants): new () => object => {
  class UnknownType {
    type: unknown;
  }
  IsIn(Object.keys(variants))(UnknownType.prototype, 'type');
  return UnknownType;
};

type Reference = Readonly<{ $ref: string }>;

/** Tells the docs, and whoever walks the classes, what the variants are. */
const declared =
  (variants: Variants, schema: (oneOf: Reference[]) => Schema): PropertyDecorator =>
  (target, key) => {
    const classes = [...new Set(Object.values(variants))];
    Reflect.defineMetadata(VARIANTS, classes, target, key);
    ApiExtraModels(...classes)(target.constructor);
    ApiProperty(schema(classes.map((variant) => ({ $ref: getSchemaPath(variant) }))))(target, key);
  };
