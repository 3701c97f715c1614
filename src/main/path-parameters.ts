// Flags and arguments that name a file or a folder: shells complete them with what lies there, and commands get them as
// they were typed. Part of the command line; it looks at no file, which is for whoever opens it to do.
import { Effect } from "effect";
import { type Argument, Flag, Param, Primitive } from "effect/cli";

/** effect/cli's own would make it absolute and look whether it is there. */
const asTyped = (pathType: Primitive.PathType): Primitive.Primitive<string> =>
  Object.assign(Primitive.Path(pathType), { parse: (value: string) => Effect.succeed(value) });

const makeFlag = (name: string, pathType: Primitive.PathType, metavar: string): Flag.Flag<string> =>
  Param.makeSingle({ kind: Param.flagKind, name, primitiveType: asTyped(pathType) }).pipe(Flag.withMetavar(metavar));

/** A flag whose value is a file's name. */
export const makeFileFlag = (name: string): Flag.Flag<string> => makeFlag(name, "file", "<file>");

/** A flag whose value is a folder's name. */
export const makeFolderFlag = (name: string): Flag.Flag<string> => makeFlag(name, "directory", "<folder>");

/** An argument that is a file's name. */
export const makeFileArgument = (name: string): Argument.Argument<string> =>
  Param.makeSingle({ kind: Param.argumentKind, name, primitiveType: asTyped("file") });
