import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Param, Post, Query, type ArgumentMetadata, type Type as Class } from '@nestjs/common';
import { Type } from 'class-transformer';
import { Allow, IsArray, IsInt, IsObject, IsOptional, IsString, ValidateNested } from 'class-validator';
import { uncheckedInputsOf } from './input-checks.ts';
import { InputPipe } from './input-pipe.ts';
import { Nested, NestedList, Nullable, Optional, PageQuery } from './validation.ts';
import { VariantList } from './variants.ts';

class Item {
  @IsInt()
  count!: number;
}

/** A controller with one route that takes the class as its body. */
const taking = (type: Class): Class => {
  @Controller('things')
  class Things {
    take(_body: unknown): void {
      // What is looked at is the declaration.
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Things.prototype, 'take') ?? {};
  Post()(Things.prototype, 'take', descriptor);
  Body()(Things.prototype, 'take', 0);
  Reflect.defineMetadata('design:paramtypes', [type], Things.prototype, 'take');
  return Things;
};

const faultsOf = (type: Class): readonly string[] => uncheckedInputsOf([taking(type)]);

/** Whether the pipe lets a body pass: what the faults warn of really happens. */
const passes = async (type: Class, body: unknown): Promise<boolean> => {
  const metadata: ArgumentMetadata = { type: 'body', metatype: type };
  return new InputPipe().transform(body, metadata).then(
    () => true,
    () => false,
  );
};

describe('input that nobody checks is found', () => {
  it('in a nested list without its rules', async () => {
    class Order {
      @IsArray()
      items!: Item[];
    }
    expect(await passes(Order, { items: [{ count: 'many', extra: 1 }] })).toBe(true);
    expect(faultsOf(Order)).toEqual([expect.stringContaining('Order.items is a list whose elements nobody checks')]);
  });

  it('in an object without its rules', async () => {
    class Order {
      @IsObject()
      item!: Item;
    }
    expect(await passes(Order, { item: { count: 'many' } })).toBe(true);
    expect(faultsOf(Order)).toEqual([expect.stringContaining('Order.item is an object without @ValidateNested')]);
  });

  it('in a field typed as an interface or a union', () => {
    class Order {
      @IsObject()
      item!: Readonly<{ count: number }>;

      @Allow()
      other!: string | number;
    }
    expect(faultsOf(Order)).toEqual([
      expect.stringContaining('Order.item has no rule that says what it may hold'),
      expect.stringContaining('Order.other has no rule that says what it may hold'),
    ]);
  });

  it('in a nested object without @Type, which refuses valid input', async () => {
    class Order {
      @IsObject()
      @ValidateNested()
      item!: Item;
    }
    expect(await passes(Order, { item: { count: 1 } })).toBe(false);
    expect(faultsOf(Order)).toEqual([expect.stringContaining('Order.item has @ValidateNested without @Type')]);
  });

  it('in a nested object that may be a list, or not be there', async () => {
    class Order {
      @ValidateNested()
      @Type(() => Item)
      item!: Item;
    }
    expect(await passes(Order, {})).toBe(true);
    expect(await passes(Order, { item: [{ count: 1 }] })).toBe(true);
    expect(faultsOf(Order)).toEqual([expect.stringContaining('Order.item is an object without @IsObject')]);
  });

  it('in a nested list whose elements may be lists', async () => {
    class Order {
      @IsArray()
      @ValidateNested({ each: true })
      @Type(() => Item)
      items!: Item[];
    }
    expect(await passes(Order, { items: [[{ count: 1 }]] })).toBe(true);
    expect(faultsOf(Order)).toEqual([expect.stringContaining('Order.items is a list without @IsObject({ each: true })')]);
  });

  it('in a list that may be a single value', async () => {
    class Order {
      @IsString({ each: true })
      names!: string[];
    }
    expect(await passes(Order, { names: 'one' })).toBe(true);
    expect(faultsOf(Order)).toEqual([expect.stringContaining('Order.names is a list without @IsArray')]);
  });

  it('in the depths of what is nested', () => {
    class Inner {
      @IsArray()
      items!: Item[];
    }
    class Order {
      @NestedList(() => Inner)
      inner!: Inner[];
    }
    expect(faultsOf(Order)).toEqual([expect.stringContaining('Inner.items is a list whose elements nobody checks')]);
  });

  it('in one variant of several', () => {
    class Plain {
      @IsString()
      type!: string;
    }
    class Open extends Plain {
      @IsObject()
      anything!: object;
    }
    class Order {
      @VariantList({ plain: Plain, open: Open }, 10)
      items!: Plain[];
    }
    expect(faultsOf(Order)).toEqual([expect.stringContaining('Open.anything has no rule')]);
  });

  it('in a class without any rule', () => {
    class Order {
      count!: number;
    }
    expect(faultsOf(Order)).toEqual([expect.stringContaining('Order has no rules at all')]);
  });

  it('in a body typed as an interface, a list at the top, and fields taken one by one', () => {
    @Controller('orders')
    class Orders {
      @Post('interface')
      ofInterface(@Body() body: Readonly<{ count: number }>): unknown {
        return body;
      }

      @Post('list')
      list(@Body() body: Item[]): unknown {
        return body;
      }

      @Post('field')
      field(@Body('count') count: number): unknown {
        return count;
      }

      @Get('query')
      query(@Query('count') count: string, @Query() all: Record<string, string>): unknown {
        return [count, all];
      }
    }
    expect(uncheckedInputsOf([Orders])).toEqual([
      'Orders.ofInterface (POST orders/interface): the body has no class (an interface, a union or a plain object)',
      'Orders.list (POST orders/list): the body is a list at the top, whose elements nobody checks',
      'Orders.field (POST orders/field): a single body field "count" is taken without a class',
      'Orders.query (GET orders/query): the query has no class (an interface, a union or a plain object)',
      'Orders.query (GET orders/query): a single query field "count" is taken without a class',
    ]);
  });
});

describe('input that is checked', () => {
  class Order {
    @IsString()
    name!: string;

    @IsArray()
    @IsString({ each: true })
    tags!: string[];

    @Nested(() => Item)
    item!: Item;

    @NestedList(() => Item, 2)
    items!: Item[];

    @Optional()
    @IsInt()
    count?: number;

    @Nullable()
    @IsString()
    note?: string | null;
  }
  const whole = { name: 'x', tags: ['a'], item: { count: 1 }, items: [{ count: 2 }] };

  it('is not complained about', () => {
    @Controller('orders')
    class Orders {
      @Get(':id')
      list(@Param('id') id: string, @Query() query: PageQuery): unknown {
        return [id, query];
      }
    }
    expect([...faultsOf(Order), ...uncheckedInputsOf([Orders])]).toEqual([]);
  });

  it.each([
    ['whole', whole, true],
    ['with null where it means something', { ...whole, note: null }, true],
    ['with null where it means nothing', { ...whole, count: null }, false],
    ['with an unknown field', { ...whole, extra: 1 }, false],
    ['with an unknown field inside', { ...whole, items: [{ count: 1, extra: 1 }] }, false],
    ['with null in a list', { ...whole, items: [null] }, false],
    ['with a list in a list', { ...whole, items: [[{ count: 1 }]] }, false],
    ['with a list for an object', { ...whole, item: [{ count: 1 }] }, false],
    ['with an object for a list', { ...whole, items: { count: 1 } }, false],
    ['without the nested object', { ...whole, item: undefined }, false],
    ['with more than may be', { ...whole, items: [{ count: 1 }, { count: 1 }, { count: 1 }] }, false],
    ['with a number as text', { ...whole, item: { count: '1' } }, false],
    ['as a list', [whole], false],
    ['as text', 'x', false],
  ])('%s', async (_what, body, expected) => {
    expect(await passes(Order, body)).toBe(expected);
  });

  it('would let null pass with @IsOptional: hence the own @Optional', async () => {
    class Lax {
      @IsOptional()
      @IsInt()
      count?: number;
    }
    expect(await passes(Lax, { count: null })).toBe(true);
  });
});
