import { type INestApplication, type Type } from '@nestjs/common';
import { ApiProperty, DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ValidationTypes } from 'class-validator';
import { namedSchemasOf } from './answers.ts';
import { type FieldRule, inputClassesOf, rulesOf } from './input-checks.ts';
import { Problem, problemResponse } from './problem-responses.ts';
import { contractId, dataSourceId, importId, month, tenantId } from './published-schemas.ts';
import { controllersOf } from './routes.ts';
import { type JsonSchema, withNamed } from './schema.ts';

const DESCRIPTION = `
Log in at \`POST /api/v1/auth/login\`, then **Authorize** with the access token.

- **Amounts** are exact decimals as text (\`"12.345"\`), days \`YYYY-MM-DD\`, months \`YYYY-MM\`, instants RFC 3339 in UTC.
- **Lists** answer \`{ items, nextCursor, total }\`; \`limit\` (1 to 500), \`cursor\` and \`sort\` page through them.
- **\`Idempotency-Key\`** on a request that changes something: the same key, route and body again does nothing twice and is answered
  as the first time; the same key with another body is 422.
- **\`ETag\`** names the revision of what was answered; sent back as **\`If-Match\`** it makes a change fail with 412 when somebody else
  was there in between; where a change does not read it, it is 400 \`if-match-not-supported\`.
- **Refusals** are \`application/problem+json\` (RFC 9457) with a stable \`code\`, the fields concerned in \`errors\`, and a \`traceId\`.
  What lies outside your reach is 404, exactly as if it did not exist. \`Retry-After\` comes with 429 and 503, \`Allow\` with 405.
- **\`traceparent\`** (W3C) is continued and answered.
`;

/** `/api/docs` and, for programs, `/api/docs-json`. */
export const serveApiDocs = (app: INestApplication): void => {
  const controllers = controllersOf(app);
  for (const type of differingByName(inputClassesOf(controllers))) describeFields(type);
  const ofAnswers = namedSchemasOf(controllers);
  const outline = new DocumentBuilder()
    .setTitle('Tributary')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .addGlobalResponse({
      status: 500,
      description: 'Not the fault of the caller; the cause is in the logs under the trace id',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    })
    .build();
  const document = (): OpenAPIObject => {
    const {
      components = {},
      paths,
      ...rest
    } = SwaggerModule.createDocument(app, outline, {
      extraModels: [Problem],
      operationIdFactory,
    });
    const schemas = Object.entries(ofAnswers).reduce((all, [name, json]) => withNamed(all, name, json), components.schemas ?? {});
    return { ...rest, paths: withRoutingProblems(withPathParameters(paths)), components: { ...components, schemas } };
  };
  SwaggerModule.setup('api/docs', app, document, {
    jsonDocumentUrl: 'api/docs-json',
    customSiteTitle: 'Tributary API',
    swaggerOptions: { persistAuthorization: true, tagsSorter: 'alpha' },
  });
};

/** @throws Error for two classes of one name: the docs would show one of them for both. */
export const differingByName = (types: readonly Type[]): readonly Type[] => {
  const names = types.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`Two different classes of input are called "${twice}".`);
  return types;
};

type Paths = OpenAPIObject['paths'];
type Operation = NonNullable<Paths[string]['get']>;

const PATH_PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  tenantId: tenantId.json,
  contractId: contractId.json,
  dataSourceId: dataSourceId.json,
  importId: importId.json,
  month: month.json,
};

/** Nest leaves parameters out whose type it does not know at run time, such as our ids'. */
const withPathParameters = (paths: Paths): Paths =>
  Object.fromEntries(
    Object.entries(paths).map(([path, item]) => {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
      const operations = Object.entries(item as Readonly<Record<string, Operation>>).map(
        ([method, { parameters = [], ...operation }]) => {
          const inPath = names.map((name) => {
            const found = parameters.find(
              (parameter) => 'name' in parameter && parameter.in === 'path' && parameter.name === name,
            );
            return { schema: { type: 'string' }, ...found, ...knownOf(name), name, in: 'path' as const, required: true };
          });
          const others = parameters.filter((parameter) => !('in' in parameter && parameter.in === 'path'));
          return [method, { ...operation, parameters: [...inPath, ...others] }];
        },
      );
      return [path, Object.fromEntries(operations)];
    }),
  );

/** What is refused before any route is asked. */
const withRoutingProblems = (paths: Paths): Paths =>
  Object.fromEntries(
    Object.entries(paths).map(([path, item]) => {
      const operations = Object.entries(item as Readonly<Record<string, Operation>>).map(([method, operation]) => {
        const statuses = [
          ...(method === 'get' ? [] : ([413, 415] as const)),
          ...(path.includes('{') ? ([414] as const) : []),
          431,
        ] as const;
        const problems = Object.fromEntries(statuses.map((status) => [String(status), problemResponse(status)]));
        return [method, { ...operation, responses: { ...problems, ...operation.responses } }];
      });
      return [path, Object.fromEntries(operations)];
    }),
  );

const knownOf = (parameter: string): Readonly<{ schema?: JsonSchema }> => {
  const schema = PATH_PARAMETERS[parameter];
  return schema ? { schema } : {};
};

/** `TenantController.addCustomer` is `tenantAddCustomer`: what generated clients call it. */
const operationIdFactory = (controller: string, method: string): string =>
  `${controller.charAt(0).toLowerCase()}${controller.slice(1)}`.replace(/Controller$/, '') +
  `${method.charAt(0).toUpperCase()}${method.slice(1)}`;

/** Where Nest's swagger keeps which fields of a class have been described, each as `:name`. */
const DESCRIBED = 'swagger/apiModelPropertiesArray';

/** What a field's rules say already need not be said again for the docs. */
const describeFields = (type: Type): void => {
  const prototype = type.prototype as object;
  const described = (Reflect.getMetadata(DESCRIBED, prototype) ?? []) as readonly string[];
  for (const [field, rules] of rulesOf(type)) {
    if (described.includes(`:${field}`)) continue;
    const required = !rules.some((rule) => rule.type === ValidationTypes.CONDITIONAL_VALIDATION);
    ApiProperty({ required, ...schemaOf(rules) })(prototype, field);
  }
};

const SCHEMA_OF_RULE: Readonly<Record<string, (argument: unknown) => object>> = {
  isString: () => ({ type: String }),
  isEmail: () => ({ type: String, format: 'email' }),
  isInt: () => ({ type: 'integer' }),
  isBoolean: () => ({ type: Boolean }),
  isIn: (values) => ({ enum: values }),
  minLength: (length) => ({ minLength: length }),
  maxLength: (length) => ({ maxLength: length }),
  min: (value) => ({ minimum: value }),
  max: (value) => ({ maximum: value }),
};

const schemaOf = (rules: readonly FieldRule[]): object => {
  const isArray = rules.some(({ each }) => each);
  const said = rules.map(({ name, constraints }) =>
    SCHEMA_OF_RULE[name ?? '']?.((constraints as readonly unknown[] | undefined)?.[0]),
  );
  return Object.assign(isArray ? { isArray } : {}, ...said) as object;
};
