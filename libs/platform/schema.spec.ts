import { describe, expect, it } from '@jest/globals';
import { Answers } from './answers.ts';
import { choice, count, list, named, nullable, object, oneOf, optional, saying, text } from './schema.ts';

type Cat = Readonly<{ kind: 'cat'; name: string; lives: number | null; nick?: string }>;
type Dog = Readonly<{ kind: 'dog' }>;

const cat = object<Cat>({ kind: choice('cat'), name: text, lives: nullable(count), nick: optional(text) });
const dog = object<Dog>({ kind: choice('dog') });

describe('a schema of an answer', () => {
  it('tells absent from null', () => {
    expect(cat.json).toEqual({
      type: 'object',
      properties: {
        kind: { type: 'string', enum: ['cat'] },
        name: { type: 'string' },
        lives: { type: 'integer', minimum: 0, nullable: true },
        nick: { type: 'string' },
      },
      required: ['kind', 'name', 'lives'],
    });
  });

  it('lets null into choices and names, too', () => {
    expect(nullable(choice('a', 'b')).json).toEqual({ type: 'string', enum: ['a', 'b', null], nullable: true });
    expect(nullable(named('Cat', cat)).json).toEqual({
      oneOf: [{ $ref: '#/components/schemas/Cat' }, { type: 'string', nullable: true, enum: [null] }],
    });
  });

  it('brings along every schema that it names', () => {
    const pets = named('Pets', list(saying('Of one kind', oneOf(named('Cat', cat), named('Dog', dog)))));
    expect(pets.json).toEqual({ $ref: '#/components/schemas/Pets' });
    expect(pets.named).toEqual({
      Cat: cat.json,
      Dog: dog.json,
      Pets: {
        type: 'array',
        items: {
          oneOf: [{ $ref: '#/components/schemas/Cat' }, { $ref: '#/components/schemas/Dog' }],
          description: 'Of one kind',
        },
      },
    });
  });

  it('does not let one name stand for two', () => {
    expect(() => oneOf(named('Pet', cat), named('Pet', dog))).toThrow('Two different schemas are called "Pet".');
  });

  // The type check of this file is the test: a line that compiles although it must not is an unused directive.
  it('differs from its type in nothing that the compiler lets pass', () => {
    const name = text;
    const lives = nullable(count);
    const nick = optional(text);
    const kind = choice('cat');
    const wrong = [
      // @ts-expect-error a field is missing
      object<Cat>({ kind, name, nick }),
      // @ts-expect-error a field is not in the type
      object<Cat>({ kind, name, lives, nick, age: count }),
      // @ts-expect-error never null
      object<Cat>({ kind, name: nullable(text), lives, nick }),
      // @ts-expect-error may be null
      object<Cat>({ kind, name, lives: count, nick }),
      // @ts-expect-error may be left out
      object<Cat>({ kind, name, lives, nick: text }),
      // @ts-expect-error is always there
      object<Cat>({ kind, name: optional(text), lives, nick }),
      // @ts-expect-error any text instead of one
      object<Cat>({ kind: text, name, lives, nick }),
      // @ts-expect-error a value too many
      object<Cat>({ kind: choice('cat', 'dog'), name, lives, nick }),
      // @ts-expect-error one variant for the union
      object<Cat | Dog>({ kind: choice('cat', 'dog') }),
    ];
    class Pets {
      @Answers(200, cat)
      whole(): Cat {
        return { kind: 'cat', name: 'Tom', lives: 9 };
      }

      @Answers(200, cat)
      later(_loud: boolean): Promise<Cat> {
        return Promise.resolve(this.whole());
      }

      // @ts-expect-error answers a field that the docs do not know
      @Answers(200, cat)
      more(): Promise<Cat & { secret: string }> {
        return Promise.resolve({ ...this.whole(), secret: '' });
      }

      // @ts-expect-error answers something else
      @Answers(200, dog)
      other(): Cat {
        return this.whole();
      }
    }
    expect([wrong.length, new Pets().whole().kind]).toEqual([9, 'cat']);
  });
});
