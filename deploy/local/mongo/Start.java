import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** Speaks MongoDB's wire protocol and keeps everything in memory. Today's driver refuses servers older than 4.4. */
class Start {
  public static void main(String[] port) {
    MongoVersion five = new MongoVersion() {
      public List<Integer> getVersionArray() { return List.of(5, 0, 0); }
      public int getWireVersion() { return 13; }
    };
    new MongoServer(new MemoryBackend().version(five)).bind("127.0.0.1", Integer.parseInt(port[0]));
  }
}
