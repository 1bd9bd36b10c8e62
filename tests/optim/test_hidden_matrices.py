"Which weights of a model `hidden_matrices` sends to Muon"
import pickle, pytest
from copy import deepcopy
from fastopt.all import adamw, hidden_matrices, muon, route
from torch import nn

class Tied(nn.Module):
    "A model of which the head is the embedding"
    def __init__(self):
        super().__init__()
        self.tokens,self.body,self.head = nn.Embedding(5, 4),nn.Linear(4, 4),nn.Linear(4, 5)
        self.head.weight = self.tokens.weight

def by_muon(model, last): return [k for k,p in model.named_parameters() if hidden_matrices(model, last)(p)]

def test_embeddings_the_last_layer_and_vectors_are_left_out():
    model = nn.Sequential(nn.EmbeddingBag(5, 4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)))
    assert by_muon(model, model[-1])==['1.weight']
    assert by_muon(model, model[-1][-1])==['1.weight', '3.0.weight']
    model = Tied()
    assert by_muon(model, model.head)==['body.weight']

@pytest.mark.parametrize('last', [nn.Linear(4, 4), 'head', None, nn.Parameter], ids=str)
def test_the_last_layer_must_belong_to_the_model(last):
    with pytest.raises(ValueError, match='last must be a module of the model, .* is none'): hidden_matrices(Tied(), last)

def test_a_copy_of_model_and_function_belong_together():
    model = Tied()
    both = model,hidden_matrices(model, model.head)
    for again,hidden in (deepcopy(both), pickle.loads(pickle.dumps(both))):
        assert [k for k,p in again.named_parameters() if hidden(p)]==['body.weight']
        assert 'hidden_matrices' in route(hidden, muon, adamw).__doc__

def test_a_route_with_it_can_be_pickled():
    model = Tied()
    both = route(hidden_matrices(model, model.head), muon, adamw)
    assert pickle.loads(pickle.dumps(both)).chain==both.chain
