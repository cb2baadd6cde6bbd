import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import ts from 'typescript';

/** A type of event as the sources declare it. `category` is that of the decider whose event it is; none: facts of the platform. */
export type DeclaredEvent = Readonly<{ type: string; category: string | undefined; data: fc.Arbitrary<unknown> }>;

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const NOT_OF_THE_PLATFORM = /\.(spec|contract)\.ts$|[\\/]testing[\\/]|[\\/]generated[\\/]/;

/** Every `DomainEvent<'…', …>` in the sources of libs and services: what the compiler knows of it, without a look at the protos. */
export const declaredEvents = (): readonly DeclaredEvent[] => {
  const files = ['libs', 'services'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !NOT_OF_THE_PLATFORM.test(name))
      .map((name) => join(ROOT, folder, name)),
  );
  const program = ts.createProgram(files, {
    ...ts.parseJsonConfigFileContent(ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile).config, ts.sys, ROOT)
      .options,
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  const data = new Map<string, ts.Type>();
  const categories = new Map<string, string>();
  const visit = (node: ts.Node): void => {
    if (ts.isTypeReferenceNode(node) && node.typeName.getText() === 'DomainEvent') {
      const [type, content] = node.typeArguments ?? [];
      if (type && content && ts.isLiteralTypeNode(type) && ts.isStringLiteral(type.literal))
        data.set(type.literal.text, checker.getTypeFromTypeNode(content));
    }
    if (ts.isCallExpression(node) && node.expression.getText() === 'decider') {
      const [category] = node.arguments;
      const event = node.typeArguments?.[1];
      if (event && category && ts.isStringLiteral(category))
        for (const type of literalsOf(typeOfProperty(checker, checker.getTypeFromTypeNode(event), 'type')))
          categories.set(type, category.text);
    }
    ts.forEachChild(node, visit);
  };
  for (const file of files) {
    const source = program.getSourceFile(file);
    if (source) visit(source);
  }
  return [...data].map(([type, content]) => ({ type, category: categories.get(type), data: anyOf(checker, content, type) }));
};

const literalsOf = (type: ts.Type): readonly string[] =>
  (type.isUnion() ? type.types : [type]).flatMap((one) => (one.isStringLiteral() ? [one.value] : []));

const typeOfProperty = (checker: ts.TypeChecker, type: ts.Type, name: string): ts.Type => {
  const property = checker.getPropertyOfType(type, name);
  if (!property) throw new Error(`${checker.typeToString(type)} has no ${name}`);
  return checker.getTypeOfSymbol(property);
};

/** Any value of the type, its properties in the order in which they are declared. */
const anyOf = (checker: ts.TypeChecker, type: ts.Type, path: string): fc.Arbitrary<unknown> => {
  const { flags } = type;
  if (flags & ts.TypeFlags.Null) return fc.constant(null);
  if (type.isStringLiteral()) return fc.constant(type.value);
  if (flags & ts.TypeFlags.BooleanLike) return fc.boolean();
  if (isText(type)) return fc.string({ unit: 'binary' });
  if (flags & ts.TypeFlags.NumberLike) return fc.maxSafeInteger();
  if (type.isUnion()) return fc.oneof(...type.types.filter(isThere).map((one) => anyOf(checker, one, path)));
  if (checker.isArrayType(type)) {
    const [element] = checker.getTypeArguments(type as ts.TypeReference);
    if (!element) throw new Error(`${path}: a list of what?`);
    return fc.array(anyOf(checker, element, `${path}[]`), { maxLength: 3 });
  }
  if (flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) {
    const properties = checker.getPropertiesOfType(type).map((property) => {
      const below = `${path}.${property.name}`;
      const value = anyOf(checker, checker.getTypeOfSymbol(property), below);
      const isOptional = Boolean(property.flags & ts.SymbolFlags.Optional);
      return (isOptional ? fc.option(value, { nil: undefined }) : value).map((made) => [property.name, made] as const);
    });
    return fc
      .tuple(...properties)
      .map((entries: readonly (readonly [string, unknown])[]) =>
        Object.fromEntries(entries.filter(([, value]) => value !== undefined)),
      );
  }
  throw new Error(`${path}: nothing is known of ${checker.typeToString(type)}`);
};

/** Of an optional property, whose absence its type has too. */
const isThere = ({ flags }: ts.Type): boolean => !(flags & ts.TypeFlags.Undefined);

/** Text, or a text with a brand. */
const isText = (type: ts.Type): boolean =>
  Boolean(type.flags & (ts.TypeFlags.String | ts.TypeFlags.TemplateLiteral)) ||
  (type.isIntersection() && type.types.some(isText));
